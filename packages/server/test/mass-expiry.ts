/** Very many grants that end at one instant, put beside one that came about the real way. */
import { type Grant, type GrantId, ok } from '@halligan/core'
import { canonicalText } from '@halligan/ledger'
import { must, type TestEstate } from './estate-kit.ts'
import { activated, approved, asked, draftOf, grantId } from './story.ts'

const digits = 'abcdefghijklmnopqrstuvwxyz234567'

/** Distinct, and in no order: ids are random. */
function idOf(n: number): GrantId {
  let rest = (n * 2_654_435_761 + 12_345) % 2 ** 32
  let text = ''
  for (let i = 0; i < 26; i++) {
    text += digits[rest % 32]
    rest = Math.floor(rest / 32) + (i % 7) * n
  }
  return `g-${text}` as GrantId
}

/**
 * Copies the projections of `model`, `count` times, as rows, and makes eve their requester. The log does not tell of the copies, so that a store with them is
 * for measuring what is done with rows; a replay would say at once that they are not its own.
 */
export function seedCopies(estate: TestEstate, model: GrantId, count: number): void {
  const db = estate.log.store.database()
  const grant = estate.deps.view().grant(model) as Grant
  const row = db.prepare('SELECT * FROM grants WHERE id = ?').get(model)
  const target = db.prepare('SELECT * FROM open_targets WHERE grant_id = ?').get(model)
  const due = db.prepare('SELECT * FROM due WHERE subject = ?').all(model)
  if (row === undefined || target === undefined) throw new Error('no such model')
  const putGrant = db.prepare('INSERT INTO grants VALUES (?,?,?,?,?,?,?,?,?,?,?)')
  const putTarget = db.prepare('INSERT INTO open_targets VALUES (?,?,?,?)')
  const putDue = db.prepare('INSERT INTO due VALUES (?,?,?)')
  db.exec('BEGIN')
  for (let n = 0; n < count; n++) {
    const id = idOf(n)
    const terms = { ...grant.terms, grant: id, requester: 'eve' }
    const state = { ...grant, id, terms }
    const text = canonicalText(state)
    putGrant.run(
      id,
      -1 - n,
      row.phase as string,
      'eve',
      row.entitlement as string,
      row.system as string,
      0,
      row.activated_at as number,
      1,
      0,
      text,
    )
    putTarget.run(id, target.target as string, target.enforcer as string, 60)
    for (const { kind, at } of due) putDue.run(kind as string, id, at as number)
  }
  db.exec('COMMIT')
}

/** So many grants on the log, whatever the policy says, that end in 60 s; their revoke SLO is 5 s. `first` is the number of the first. */
export async function enterMany(
  estate: TestEstate,
  count: number,
  first = 0,
): Promise<GrantId[]> {
  const now = estate.deps.clock.now()
  const grants = Array.from({ length: count }, (_, n) => grantId(first + n))
  const entered = await estate.deps.writer.submit<null, never>({
    name: 'seed',
    key: null,
    run(tx) {
      for (const id of grants)
        for (const event of [
          ...asked(id, now),
          ...approved(id, now),
          ...activated(id, now),
        ])
          tx.append(draftOf(id, event))
      return ok(null)
    },
  })
  must(entered)
  return grants
}

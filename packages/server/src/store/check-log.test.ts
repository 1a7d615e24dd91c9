import { type Instant, ok, refuse } from '@halligan/core'
import { nodeCrypto } from '@halligan/ledger/node'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { origin } from '../../test/log-kit.ts'
import { draftOf, grantId, wholeStory } from '../../test/story.ts'
import { checkSteps } from './check-log.ts'
import { inMemory } from './database.ts'
import type { Tx } from './port.ts'
import { openStore, type SqliteStore } from './sqlite.ts'

const at = 1_760_000_000_000 as Instant
const fresh = () => openStore({ path: inMemory, crypto: nodeCrypto, origin })

const transact = (store: SqliteStore, work: (tx: Tx) => void) =>
  store.transact(at, (batch) =>
    batch.attempt((tx) => {
      work(tx)
      return ok(null)
    }),
  )

/** Grants that each go on with their story whenever they are told to, with the index of their next event. */
function createStories(store: SqliteStore) {
  const next: number[] = []
  const goOn = (tx: Tx, n: number) => {
    const event = wholeStory(grantId(n), at, 2 * n)[next[n] ?? 0]
    if (event === undefined) return
    tx.append(draftOf(grantId(n), event))
    next[n] = (next[n] ?? 0) + 1
  }
  return {
    goOn: (grants: readonly number[]) =>
      transact(store, (tx) => {
        for (const n of grants) goOn(tx, n)
      }),
    /** A command that refuses: its entry is taken back. */
    takeBack: (n: number) =>
      store.transact(at, (batch) =>
        batch.attempt((tx) => {
          tx.append({ at, kind: 'noted', subject: `target/${n}`, actor: 'system' })
          return refuse({ code: 'own_request' })
        }),
      ),
  }
}

/** More of them than the tables of places lag behind. */
const many = (store: SqliteStore) =>
  transact(store, (tx) => {
    for (let n = 0; n < 4200; n++)
      tx.append({ at, kind: 'noted', subject: `target/${n % 700}`, actor: 'system' })
  })

type Move = Readonly<
  { kind: 'go on'; grants: readonly number[] } | { kind: 'take back'; grant: number }
>

const grants = 80
const grant = fc.nat(grants - 1)
const move: fc.Arbitrary<Move> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('go on' as const),
      grants: fc.array(grant, { maxLength: 20 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('take back' as const), grant }) },
)

function checkAmid(
  store: SqliteStore,
  moves: readonly (readonly Move[])[],
  more: (step: number) => void,
) {
  const stories = createStories(store)
  stories.goOn([...Array(2 * grants).keys()].map((n) => n % grants))
  const steps = checkSteps(store, null)
  for (let n = 0; ; n++) {
    const step = steps.next()
    if (step.done === true) return { steps: n, found: step.value }
    more(n)
    for (const move of moves[n] ?? [])
      if (move.kind === 'go on') stories.goOn(move.grants)
      else stories.takeBack(move.grant)
  }
}

test('INV-14 INV-15 L-02 whatever is entered between the steps, a whole log contradicts nothing', () => {
  const quiet = stepsOf([])
  expect(quiet).toBeGreaterThan(10)
  fc.assert(
    fc.property(
      fc.array(fc.array(move, { maxLength: 3 }), { minLength: 5, maxLength: 40 }),
      (moves) => void expect(stepsOf(moves)).toBeGreaterThanOrEqual(quiet),
    ),
    { numRuns: 15 },
  )
})

/** Of a check that finds nothing. */
function stepsOf(moves: readonly (readonly Move[])[]): number {
  const store = fresh()
  const { steps, found } = checkAmid(store, moves, () => {})
  store.close()
  expect(found).toBeNull()
  return steps
}

/** None that the next event of a grant would stumble over: then it is found by itself, and no check is needed. */
const rows: readonly string[] = [
  'UPDATE grants SET drill = 1 WHERE id = (SELECT max(id) FROM grants)',
  "INSERT INTO due VALUES ('overdue', 'g-a', 1)",
  "UPDATE grants SET state = replace(state, 'payments-db-repair', 'payments-db-ruin') WHERE id = (SELECT max(id) FROM grants)",
  "INSERT INTO erased VALUES ('sha256:x', 1)",
  "INSERT INTO roster_versions VALUES (2, 'sha256:x')",
]

test('INV-14 INV-15 L-02 whatever is entered between the steps, a changed row is found', () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(move, { maxLength: 3 }), { minLength: 5, maxLength: 40 }),
      fc.nat(5),
      fc.constantFrom(...rows),
      (moves, when, sql) => {
        const store = fresh()
        const { found } = checkAmid(store, moves, (step) => {
          if (step === when) store.database().exec(sql)
        })
        store.close()
        expect(found?.cause).toBe('projection')
      },
    ),
    { numRuns: 15 },
  )
})

test.each([0, 3, 12])(
  'INV-14 the tables of places move on after step %i, and again',
  (when) => {
    const store = fresh()
    const mark = () =>
      Number(store.database().prepare('SELECT size FROM places_mark').get()?.size)
    const marks = new Set<number>()
    const { found } = checkAmid(store, [], (step) => {
      if (step === when || step === when + 40) many(store)
      if (step === when + 1) createStories(store).goOn([grants + 1])
      marks.add(mark())
    })
    store.close()
    expect(found).toBeNull()
    expect(marks.size).toBeGreaterThan(1)
  },
)

/**
 * What is durable, as it comes to stand on the server's disk: read from the file itself, past everything that a bug may have
 * bent. The story of each grant is told from it once more, by other code than the product's.
 *
 * @module
 */
import type { Envelope, GrantId, Instant, ReceiptDetail, Terms } from '@halligan/core'
import type { Entry } from '@halligan/ledger'
import { payloadTypes, readEnvelope } from '@halligan/ledger'
import { StorageFailed } from '../../packages/server/src/store/port.ts'
import type { SqliteStore } from '../../packages/server/src/store/sqlite.ts'
import { Violation } from './tally.ts'

export type Said = Readonly<{
  verb: string
  by: string
  keyId: string
  nonce: string
  grant?: GrantId
  termsDigest?: string
  body: Readonly<Record<string, unknown>>
}>

/** The signed act in an entry; null when there is none. */
export function actIn(entry: Entry): Readonly<{ envelope: Envelope; said: Said }> | null {
  const envelope = entry.act as unknown as Envelope | null | undefined
  if (envelope === undefined || envelope === null) return null
  const read = readEnvelope<Said>(payloadTypes.act, envelope)
  return read.ok ? { envelope, said: read.value.value } : null
}

export type Story = {
  readonly grant: GrantId
  readonly terms: Terms
  readonly termsDigest: string
  readonly request: Entry
  readonly approvals: Entry[]
  approvedUntil: number
  over: 'denied' | 'withdrawn' | 'lapsed' | null
  activated: Readonly<{
    index: number
    entry: Entry
    at: Instant
    notAfter: Instant
    trueAt: number
  }> | null
  reviewOpened: boolean
  /** Index of the order to open, by target. */
  readonly opens: Map<string, number>
  ended: Readonly<{ kind: string; trueAt: number }> | null
  /** When the log came to say so, by target. */
  readonly absent: Map<string, number>
  /** Whose shared secret was said to be another one by now. */
  readonly rotated: Set<string>
  readonly refused: Set<string>
  readonly attested: Set<string>
  readonly overdue: Set<string>
  /** Target by digest of what was sealed there. */
  readonly exposed: Map<string, string>
  closed: boolean
}

export type Incident = { open: boolean; severity: number; systems: readonly string[] }

export type Chronicle = {
  readonly entries: readonly Entry[]
  readonly stories: ReadonlyMap<GrantId, Story>
  readonly incidents: ReadonlyMap<string, Incident>
  /** Whether the file that is served now holds less than was durable once. */
  readonly isRolledBack: boolean
  /** New entries since the last time, each judged before the next one is taken. Throws when what was durable is gone or another. */
  read(
    store: SqliteStore | null,
    now: number,
    judge: (entry: Entry) => void,
  ): readonly Entry[]
  /** A file was put back on purpose: less may be there now. */
  expectLess(expected: boolean): void
}

export function createChronicle(): Chronicle {
  const entries: Entry[] = []
  const stories = new Map<GrantId, Story>()
  const incidents = new Map<string, Incident>()
  /** Id of the newest entry of each subject. */
  const newest = new Map<string, string>()
  let last: SqliteStore | null = null
  let mayBeLess = false
  let isRolledBack = false

  const compare = (store: SqliteStore, size: number) => {
    const shared = Math.min(size, entries.length)
    const [at] = shared === 0 ? [] : store.view().entries(shared - 2, 1)
    if (at !== undefined && at.entry.id !== entries[at.index]?.id)
      throw new Violation(14, `entry ${at.index} was durable and is another one now`)
    const isLess = size < entries.length
    if (isLess && !mayBeLess && store !== last)
      throw new Violation(2, `${entries.length} entries were durable, ${size} are there`)
    isRolledBack = isLess
  }
  return {
    entries,
    stories,
    incidents,
    get isRolledBack() {
      return isRolledBack
    },
    expectLess(expected) {
      mayBeLess = expected
    },
    read(store, now, judge) {
      if (store === null) return []
      try {
        const { size } = store.view().head()
        if (store !== last || size < entries.length) compare(store, size)
        last = store
        if (isRolledBack || size === entries.length) return []
        const fresh = store.view().entries(entries.length - 1, size - entries.length)
        for (const { index, entry } of fresh) {
          if (entry.prev !== (newest.get(entry.subject) ?? null))
            throw new Violation(14, `entry ${index} does not follow its subject's last`)
          newest.set(entry.subject, entry.id)
          entries.push(entry)
          take(stories, incidents, entry, index, now)
          judge(entry)
        }
        return fresh.map(({ entry }) => entry)
      } catch (error) {
        if (error instanceof StorageFailed) return []
        throw error
      }
    },
  }
}

function take(
  stories: Map<GrantId, Story>,
  incidents: Map<string, Incident>,
  entry: Entry,
  index: number,
  now: number,
): void {
  if (entry.subject.startsWith('incident/')) {
    const id = entry.subject.slice('incident/'.length)
    if (entry.kind === 'incident_opened') {
      const { severity, systems } = entry as unknown as Incident
      incidents.set(id, { open: true, severity, systems })
    }
    const known = incidents.get(id)
    if (entry.kind === 'incident_closed' && known !== undefined) known.open = false
    return
  }
  if (!entry.subject.startsWith('grant/')) return
  const grant = entry.subject.slice('grant/'.length) as GrantId
  if (entry.kind === 'requested') {
    stories.set(grant, begin(grant, entry))
    return
  }
  const story = stories.get(grant)
  if (story !== undefined) goOn(story, entry, index, now)
}

const begin = (grant: GrantId, entry: Entry): Story => ({
  grant,
  terms: entry.terms as unknown as Terms,
  termsDigest: String(entry.termsDigest),
  request: entry,
  approvals: [],
  approvedUntil: 0,
  over: null,
  activated: null,
  reviewOpened: false,
  opens: new Map(),
  ended: null,
  absent: new Map(),
  rotated: new Set(),
  refused: new Set(),
  attested: new Set(),
  overdue: new Set(),
  exposed: new Map(),
  closed: false,
})

function goOn(story: Story, entry: Entry, index: number, trueAt: number): void {
  const target = String(entry.target)
  switch (entry.kind) {
    case 'approval_given':
      story.approvals.push(entry)
      break
    case 'approved':
      story.approvedUntil = Number(entry.until)
      break
    case 'denied':
    case 'withdrawn':
    case 'lapsed':
      story.over = entry.kind
      break
    case 'activated':
      story.activated = {
        ...{ index, entry, at: entry.at, trueAt },
        notAfter: entry.notAfter as Instant,
      }
      break
    case 'ordered':
      if (entry.op === 'open') story.opens.set(target, index)
      break
    case 'review_opened':
      story.reviewOpened = true
      break
    case 'expired':
    case 'revoked':
    case 'returned':
      story.ended ??= { kind: entry.kind, trueAt }
      break
    case 'overdue':
      story.overdue.add(target)
      break
    case 'attested':
      story.attested.add(target)
      break
    case 'exposed':
      story.exposed.set(String(entry.sealedDigest), target)
      break
    case 'closed':
      story.closed = true
      break
    case 'reported': {
      const { kind } = entry.report as unknown as ReceiptDetail
      if (kind === 'absent') story.absent.set(target, trueAt)
      if (kind === 'rotated') story.rotated.add(target)
      if (kind === 'refused') story.refused.add(target)
    }
  }
}

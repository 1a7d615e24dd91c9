/**
 * What one enforcer is to make true, whole, every proof to one checkpoint (PROTOCOL 3.5). It is built without
 * waiting for anything, so that the frontier cannot move between two proofs.
 *
 * @module
 */
import type { SyncAnswer, SyncStatement } from '@halligan/contract'
import {
  type Beacon,
  confersAccess,
  type Envelope,
  type Grant,
  type Instant,
  isIn,
  isSettled,
  openedPhases,
  type ResealOrder,
  type TargetState,
} from '@halligan/core'
import { payloadDigest, payloadTypes, readEnvelope, sealEnvelope } from '@halligan/ledger'
import type { Log, Proved } from '../log.ts'
import type { SafeMode } from '../safe-mode.ts'
import { CorruptLog, type Placed } from '../store/port.ts'
import { type JournalledDeps, journalledEnds } from './journalled-ends.ts'

export type DesiredDeps = JournalledDeps &
  Readonly<{ log: Log; safeMode: Pick<SafeMode, 'contradicted' | 'has'> }>

type Opening = SyncAnswer['opens'][number]
type Reseal = SyncAnswer['reseals'][number]
type End = SyncAnswer['ends'][number]

/**
 * A grant's orders for one target at one enforcer, with the entries that justify them. Those from before the activation are there
 * only where the order to open is still to be told.
 */
type Story = Readonly<{ grant: Grant; target: TargetState; entries: readonly Placed[] }>

/** The index of the newest order to open or reseal: the anchor must be past it before it is delivered. */
export const newestOpening = (deps: DesiredDeps, enforcer: string, now: Instant): number =>
  (mayOpen(deps) ? standingFor(deps, enforcer, now) : [])
    .flatMap((story) => [
      ...(isAnswered(story.target) ? [] : ordersIn(story, 'open')),
      ...ordersIn(story, 'reseal'),
    ])
    .reduce((newest, { index }) => Math.max(newest, index), -1)

/** What the tables say is open is not believed before the whole log was verified (T7). */
const mayOpen = ({ safeMode }: DesiredDeps): boolean => !safeMode.has('log_unverified')

/** `anchoredTo` is the highest index whose entry the anchor covers; no later order to open is in the answer. */
export function desiredState(
  deps: DesiredDeps,
  { enforcer, estate, beaconNonce, checkpointSeen: seen }: SyncStatement,
  anchoredTo: number,
  now: Instant,
): SyncAnswer {
  const { head, checkpoint } = deps.writer.frontier()
  const contradicted = deps.safeMode.contradicted()
  const ended = endedFor(deps, enforcer)
  const journalled = journalledEnds(deps, enforcer)
  // What time or the journal has ended is not opened any more, whatever the log still says (EN-23).
  const standing = (contradicted ? [] : standingFor(deps, enforcer, now)).filter(
    (story) => !journalled.some(({ grant }) => grant === story.grant.id),
  )
  const beacon: Beacon = {
    type: 'halligan/beacon/v1',
    estate,
    nonce: beaconNonce,
    serverTime: now,
    checkpoint,
  }
  const proofOf = deps.log.proofs()
  const prove: Prove = ({ index, entry }) => ({ entry, proof: proofOf(index) })
  const comparable =
    !contradicted && seen !== null && seen.origin === head.origin && seen.size <= head.size
  return {
    generation: head.size,
    rosters: [...deps.view().rosters()],
    checkpoint,
    consistency: comparable ? [...deps.log.proveConsistency(seen.size, head.size)] : null,
    beacon: sealEnvelope(payloadTypes.beacon, beacon, deps.issuer),
    opens: standing
      .filter((story) => !isOnlyListed(deps, story))
      .flatMap((story) => openings(prove, story, anchoredTo)),
    listed: [
      ...new Set(
        standing.filter((story) => isOnlyListed(deps, story)).map(({ grant }) => grant.id),
      ),
    ],
    ends: [
      ...ended.flatMap((story) => (contradicted ? bareEnds(story) : ends(prove, story))),
      ...journalled.map(({ order }) => ({ order })),
    ],
    reseals: mayOpen(deps)
      ? standing.flatMap((story) => reseals(deps, prove, story, anchoredTo))
      : [],
  }
}

/** It stands, so that its absence is no drift; its orders are not told. */
const isOnlyListed = (deps: DesiredDeps, { target }: Story): boolean =>
  isAnswered(target) || !mayOpen(deps)

/**
 * Whether the enforcer has said what became of its order to open. Told again, ten thousand grants that stand would make every
 * answer longer than an enforcer takes, and keep the writer waiting while it is made.
 */
const isAnswered = ({ phase }: TargetState): boolean =>
  phase === 'applied' || phase === 'unknown'

const standingFor = (deps: DesiredDeps, enforcer: string, now: Instant) =>
  storiesOf(deps, enforcer, deps.view().standingAt(enforcer, now)).filter(({ grant }) =>
    confersAccess(grant, now),
  )

/** What is over and not swept yet has no order to end. A million of those are read by nobody (L-02). */
const endedFor = (deps: DesiredDeps, enforcer: string) =>
  storiesOf(deps, enforcer, deps.view().endedAt(enforcer))

/** A log whose bytes are damaged tells no stories; what the journal holds is told all the same. */
function storiesOf(
  deps: DesiredDeps,
  enforcer: string,
  grants: readonly Grant[],
): readonly Story[] {
  try {
    return readStories(deps, enforcer, grants)
  } catch (error) {
    if (error instanceof CorruptLog) return []
    throw error
  }
}

function readStories(
  deps: DesiredDeps,
  enforcer: string,
  grants: readonly Grant[],
): readonly Story[] {
  const view = deps.view()
  const below = deps.writer.frontier().head.size
  return grants.flatMap((grant) => {
    if (!isIn(grant, ...openedPhases)) return []
    const targets = grant.targets.filter(
      (target) => target.enforcer === enforcer && !isSettled(target),
    )
    const subject = `grant/${grant.id}`
    const isToOpen = grant.phase === 'active' && !targets.every(isAnswered)
    const entries = (
      isToOpen ? view.entriesOf(subject) : view.entriesAfter(subject, 'activated')
    ).filter(({ index }) => index < below)
    return targets.map((target) => ({ grant, target, entries }))
  })
}

/** An entry that was read and checked, with its proof. */
type Prove = (placed: Placed) => Proved

const ordersIn = ({ target, entries }: Story, op: string): readonly Placed[] =>
  entries.filter(
    ({ entry }) =>
      entry.kind === 'ordered' && entry.op === op && entry.target === target.target,
  )

function openings(prove: Prove, story: Story, anchoredTo: number): readonly Opening[] {
  const of = (kind: string) => story.entries.filter(({ entry }) => entry.kind === kind)
  const [request] = of('requested')
  const [decision] = of('activated')
  if (request === undefined || decision === undefined) return []
  return ordersIn(story, 'open')
    .filter(({ index }) => index <= anchoredTo)
    .map((order) => ({
      order: prove(order),
      decision: prove(decision),
      request: prove(request),
      approvals: of('approval_given').map(prove),
    }))
}

/** The newest alone: a later key replaces an earlier one. */
function reseals(
  { crypto }: Pick<DesiredDeps, 'crypto'>,
  prove: Prove,
  story: Story,
  anchoredTo: number,
): readonly Reseal[] {
  const order = ordersIn(story, 'reseal').findLast(({ index }) => index <= anchoredTo)
  if (order === undefined) return []
  const signed = readEnvelope<ResealOrder>(payloadTypes.order, envelopeIn(order, 'order'))
  const reveal = story.entries.find(
    (placed) =>
      placed.entry.kind === 'reveal_asked' &&
      signed.ok &&
      payloadDigest(crypto, envelopeIn(placed, 'act')) === signed.value.value.revealAct,
  )
  if (reveal === undefined)
    throw new Error(`corrupt ledger: ${order.index} answers no reveal`)
  return [{ order: prove(order), reveal: prove(reveal) }]
}

const ends = (prove: Prove, story: Story): readonly End[] =>
  ordersIn(story, 'end').map((placed) => ({
    order: envelopeIn(placed, 'order'),
    proof: prove(placed),
  }))

/** While signed evidence is contradicted nothing is proven and nothing opened, and ends go out bare. */
const bareEnds = (story: Story): readonly End[] =>
  ordersIn(story, 'end').map((placed) => ({ order: envelopeIn(placed, 'order') }))

const envelopeIn = ({ entry }: Placed, name: 'order' | 'act'): Envelope =>
  entry[name] as unknown as Envelope

/**
 * What one enforcer knows of one grant on one target.
 *
 *     none ─▶ accepted ─▶ applying ─▶ applied ─▶ ending ─▶ absent
 *       │         └───────────┴──────────────────▲
 *       ├────────────────────────────────────────┘  (ended before, or without, being opened here)
 *       └▶ refused
 *
 * After `absent` come, in this order, the rotation of a shared secret, the session evidence and the cleanup: each an
 * obligation of its own, marked when it is met. `ending` is absorbing: nothing applies this grant again, in whatever order messages arrive (INV-8, INV-11). The fence
 * is the ledger index of the order. `applying` counts as applied until probes say otherwise (INV-10).
 *
 * @module
 */
import {
  type Digest,
  type EndingCause,
  type GrantId,
  type Instant,
  ok,
  type PrincipalId,
  type ProbeResult,
  type Result,
  refuse,
  type SealKey,
} from '@halligan/core'
import type { Snapshot } from './connectors/port.ts'
import type { Bound } from './deadline.ts'

/** What is kept of a verified order: enough to apply, continue, reseal and end without the server. */
export type HeldOrder = Readonly<{
  orderDigest: Digest
  orderIndex: number
  overlapKey: string
  privileges: readonly string[]
  sealTo: SealKey
  applyBefore: Instant
  notAfter: Instant
  requester: PrincipalId
  /** The shared account that it checks out, as the connector said when it was accepted. */
  account?: string
  /** Who may end it at the enforcer itself, beside the requester and the guard's owners. */
  approvers: readonly PrincipalId[]
}>

type Opened = Readonly<{ order: HeldOrder; bound: Bound; before: Snapshot }>

/** What an ended grant was, as far as this enforcer ever knew. */
export type Ended = Readonly<{
  opened: Opened | null
  /** The order that receipts name: the opening one, else the one that ended it. */
  about: Readonly<{ orderDigest: Digest; orderIndex: number | null }> | null
  cause: EndingCause
  since: Instant
  /** Whether the target has been asked to end: written before it is asked. */
  asked: boolean
  /** The order that ended it says no more than that its time is up. */
  expired?: true
  /** Nothing had been asked of the target for it before: it opened nothing, as far as is known here. */
  untouched?: true
}>

export type Hold = Readonly<
  { grant: GrantId; target: string } & (
    | { phase: 'none' }
    | { phase: 'refused'; orderDigest: Digest }
    | ({ phase: 'accepted' } & Opened)
    /** `uncertain` once an attempt's outcome was reported UNKNOWN. */
    | ({ phase: 'applying'; uncertain: boolean } & Opened)
    | ({ phase: 'applied'; revealId: string; resealed: readonly Digest[] } & Opened)
    | ({ phase: 'ending' } & Ended)
    | ({
        phase: 'absent'
        absentAt: Instant
        /** The readings that showed it. */
        probes: readonly ProbeResult[]
        /** The secret of its shared account opens nothing any more. Only asked where there is one. */
        rotated: boolean
        /** How often session evidence was asked for, and whether that is over. */
        witnessTries: number
        witnessed: boolean
        cleaned: boolean
        /** What stood after absence, until cleanup has reported the difference. */
        after: Snapshot | null
      } & Ended)
  )
>

export type HoldPhase = Hold['phase']
export type HoldIn<P extends HoldPhase> = Extract<Hold, { phase: P }>

export type HoldEvent = Readonly<
  | { kind: 'refused'; orderDigest: Digest }
  | ({ kind: 'accepted' } & Opened)
  | { kind: 'applying' }
  | { kind: 'uncertain' }
  | { kind: 'applied'; revealId: string }
  | { kind: 'resealed'; revealId: string; orderDigest: Digest }
  | ({ kind: 'ending'; cause: EndingCause; at: Instant } & Pick<Ended, 'about' | 'expired'>)
  | { kind: 'end_asked' }
  | { kind: 'absent'; at: Instant; probes: readonly ProbeResult[] }
  | { kind: 'rotated' }
  | { kind: 'witnessing' }
  | { kind: 'witnessed' }
  | { kind: 'compared'; after: Snapshot }
  | { kind: 'cleaned' }
>

export type WrongPhase = Readonly<{ code: 'wrong_phase'; phase: HoldPhase }>

export const unheld = (grant: GrantId, target: string): Hold => ({
  grant,
  target,
  phase: 'none',
})

/** The hold after `event`, or why that cannot happen to it. */
export function advance(hold: Hold, event: HoldEvent): Result<Hold, WrongPhase> {
  const { grant, target } = hold
  const id = { grant, target }
  switch (event.kind) {
    case 'refused':
      if (!holdIn(hold, 'none')) break
      return ok({ ...id, phase: 'refused', orderDigest: event.orderDigest })
    case 'accepted': {
      if (!holdIn(hold, 'none')) break
      const { order, bound, before } = event
      return ok({ ...id, phase: 'accepted', order, bound, before })
    }
    case 'applying':
      if (!holdIn(hold, 'accepted')) break
      return ok({ ...hold, phase: 'applying', uncertain: false })
    case 'uncertain':
      if (!holdIn(hold, 'applying')) break
      return ok({ ...hold, uncertain: true })
    case 'applied': {
      if (!holdIn(hold, 'applying')) break
      const { order, bound, before } = hold
      const { revealId } = event
      return ok({ ...id, phase: 'applied', order, bound, before, revealId, resealed: [] })
    }
    case 'resealed': {
      if (!holdIn(hold, 'applied')) break
      const resealed = [...hold.resealed, event.orderDigest]
      return ok({ ...hold, revealId: event.revealId, resealed })
    }
    case 'ending':
      return end(hold, event)
    case 'end_asked':
      if (!holdIn(hold, 'ending')) break
      return ok({ ...hold, asked: true })
    case 'absent':
      if (!holdIn(hold, 'ending')) break
      return ok({ ...hold, phase: 'absent', absentAt: event.at, ...begun(event.probes) })
    case 'rotated':
      if (!holdIn(hold, 'absent')) break
      return ok({ ...hold, rotated: true })
    case 'witnessing':
      if (!holdIn(hold, 'absent')) break
      return ok({ ...hold, witnessTries: hold.witnessTries + 1 })
    case 'witnessed':
      if (!holdIn(hold, 'absent')) break
      return ok({ ...hold, witnessed: true })
    case 'compared':
      if (!holdIn(hold, 'absent')) break
      return ok({ ...hold, after: event.after })
    case 'cleaned':
      if (!holdIn(hold, 'absent')) break
      return ok({ ...hold, opened: emptied(hold.opened), cleaned: true, after: null })
  }
  return refuse({ code: 'wrong_phase', phase: hold.phase })
}

/** What is still owed after absence. */
const begun = (probes: readonly ProbeResult[]) => ({
  ...{ probes, rotated: false, witnessTries: 0, witnessed: false },
  ...{ cleaned: false, after: null },
})

/** From everywhere but the end itself: ending early is always safe, also for what was never opened here. */
function end(
  hold: Hold,
  event: Extract<HoldEvent, { kind: 'ending' }>,
): Result<Hold, WrongPhase> {
  if (holdIn(hold, 'ending', 'absent'))
    return refuse({ code: 'wrong_phase', phase: hold.phase })
  const { grant, target } = hold
  const opened = mayStand(hold)
    ? { order: hold.order, bound: hold.bound, before: hold.before }
    : null
  return ok({
    grant,
    target,
    phase: 'ending',
    opened,
    about: opened === null ? event.about : named(opened.order),
    cause: event.cause,
    since: event.at,
    asked: false,
    ...(event.expired === undefined ? {} : { expired: event.expired }),
    ...(holdIn(hold, 'applying', 'applied') ? {} : { untouched: true }),
  })
}

/** A snapshot that has been compared is not kept. */
const emptied = (opened: Opened | null): Opened | null =>
  opened === null ? null : { ...opened, before: '' }

const named = ({ orderDigest, orderIndex }: HeldOrder) => ({ orderDigest, orderIndex })

/** The order under which anything was ever done for this grant here, or null. */
export function orderOf(hold: Hold): HeldOrder | null {
  if (mayStand(hold)) return hold.order
  return holdIn(hold, 'ending', 'absent') ? (hold.opened?.order ?? null) : null
}

/** Whether the target may show the access of this hold, ending aside: what a deadline must watch. */
export const mayStand = (hold: Hold): hold is HoldIn<'accepted' | 'applying' | 'applied'> =>
  holdIn(hold, 'accepted', 'applying', 'applied')

export function holdIn<P extends HoldPhase>(hold: Hold, ...phases: P[]): hold is HoldIn<P> {
  return (phases as HoldPhase[]).includes(hold.phase)
}

/** Whether an order at `index` comes too late for what the fence already let through (PROTOCOL 6). */
export const fenced = (fence: number | null, index: number): boolean =>
  fence !== null && index <= fence

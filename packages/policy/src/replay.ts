import type { ClosedRoute, Facts, RouteName, Ruling } from '@halligan/core'
import type { Bundle } from './bundle.ts'
import { engine } from './cedar.ts'

/** A ruling as the ledger keeps it. */
export type RecordedRuling = Readonly<{
  bundleDigest: string
  engine: string
  facts: Facts
  open: readonly RouteName[]
  closed: readonly ClosedRoute[]
}>

export type Replay = Readonly<
  | { verdict: 'replayed'; ruling: Ruling }
  | { verdict: 'differs'; ruling: Ruling; routes: readonly RouteName[] }
  /** Nothing can be said: the bundle or the engine is another one. */
  | { verdict: 'not_replayed'; why: 'other_bundle' | 'other_engine' }
>

/** Judges the recorded facts again and compares every route, with its forbids and reasons (INV-19). */
export function replayRuling(bundle: Bundle, recorded: RecordedRuling): Replay {
  if (recorded.bundleDigest !== bundle.digest)
    return { verdict: 'not_replayed', why: 'other_bundle' }
  if (recorded.engine !== engine) return { verdict: 'not_replayed', why: 'other_engine' }
  const ruling = bundle.rule(recorded.facts)
  const then = said(recorded.open, recorded.closed)
  const now = said(
    ruling.open.map(({ name }) => name),
    ruling.closed,
  )
  const routes = [...new Set([...then.keys(), ...now.keys()])].filter(
    (route) => then.get(route) !== now.get(route),
  )
  return routes.length === 0
    ? { verdict: 'replayed', ruling }
    : { verdict: 'differs', ruling, routes }
}

/** What was answered per route. What would have opened it is advice, not part of the answer. */
const said = (
  open: readonly RouteName[],
  closed: readonly ClosedRoute[],
): ReadonlyMap<RouteName, string> =>
  new Map([
    ...open.map((route) => [route, 'open'] as const),
    ...closed.map(
      ({ route, forbids, reasons }) => [route, JSON.stringify([forbids, reasons])] as const,
    ),
  ])

/**
 * Shared and sealed accounts. Whoever checked one out knows its secret, so that absence is not enough: the secret is rotated
 * after it, proven by probes, before anybody else may have the account.
 *
 * @module
 */
import { ok, type ProbeResult, type Result, refuse, showAbsence } from '@halligan/core'
import { askEffect, isOut, type TargetFailed } from './ask-target.ts'
import { type Attempt, again, done } from './attempt.ts'
import type { Connector } from './connectors/port.ts'
import { mustEnd } from './deadline.ts'
import { keep, subjectOf } from './hold-events.ts'
import { report } from './report.ts'
import { connectorOf, type Place, type Site } from './site.ts'
import { type Hold, type HoldIn, holdIn, mayStand, orderOf } from './state.ts'

/** The shared account whose secret this grant may have exposed and that is not rotated yet, or null. */
export function exposedBy(hold: Hold): string | null {
  const account = orderOf(hold)?.account ?? null
  return holdIn(hold, 'absent') && hold.rotated ? null : account
}

const unfinishedOn = ({ books }: Site, target: string, account: string): readonly Hold[] =>
  books
    .unfinished()
    .filter((hold) => hold.target === target && orderOf(hold)?.account === account)

const exposing = (site: Site, target: string, account: string): readonly Hold[] =>
  unfinishedOn(site, target, account).filter((hold) => exposedBy(hold) === account)

/**
 * Whether the account was given back and is not all done, or is being rotated: nobody may have it before that. Once rotated, it
 * is still being read what was done in it.
 */
export function isReturning(site: Site, target: string, account: string): boolean {
  if (isOut(connectorOf(site, target), aboutAccount(account))) return true
  const clocks = site.clock.read()
  return unfinishedOn(site, target, account).some(
    (hold) =>
      !mayStand(hold) || mustEnd(hold.bound, clocks, site.books.highestWall()) !== null,
  )
}

/** Whether the rotation that this hold owes may be tried now: not while another grant on the account is to keep working. */
export function mayRotate(site: Site, hold: HoldIn<'absent'>): boolean {
  const account = exposedBy(hold)
  if (account === null) return false
  return exposing(site, hold.target, account).every((other) => holdIn(other, 'absent'))
}

const aboutAccount = (account: string) => `account:${account}`

/** One try for a hold that is absent. What it proves holds for every grant that was over when it began. */
export async function attemptRotate(site: Site, place: Place): Promise<Attempt> {
  const hold = site.books.hold(place.grant, place.target)
  const account = exposedBy(hold)
  if (!holdIn(hold, 'absent') || account === null || !mayRotate(site, hold)) return done
  const over = exposing(site, place.target, account)
  const rotated = await rotate(site, connectorOf(site, place.target), account)
  if (!rotated.ok) return again(rotated.error.reason)
  const probes = rotated.value
  if (!showAbsence(probes)) return again(notShown(probes))
  await site.books.together(() => {
    for (const each of over) {
      const told = keep(site, each, { kind: 'rotated' })
      report(site, subjectOf(told), { kind: 'rotated', probes })
    }
  })
  return done
}

async function rotate(
  site: Site,
  connector: Connector,
  account: string,
): Promise<Result<readonly ProbeResult[], TargetFailed>> {
  return askEffect(site, connector, aboutAccount(account), async () => {
    if (connector.rotate === undefined) throw new Error('this connector rotates nothing')
    return connector.rotate(account)
  })
}

const notShown = (probes: readonly ProbeResult[]): string => {
  const shown = probes.filter(({ absent }) => !absent).map(({ probe }) => probe)
  return `the target shows ${shown.join(', ') || 'nothing'}`
}

export type RotateRefusal = Readonly<{
  code:
    | 'unknown_account'
    | 'ambiguous_account'
    | 'account_in_use'
    | 'target_failed'
    | 'not_rotated'
  reason: string
}>

export type Rotated = Readonly<{
  target: string
  account: string
  probes: readonly ProbeResult[]
}>

/** Because somebody asked, with no grant: the receipt names the account. Tried once; whoever asks hears what became of it. */
export async function rotateOnDemand(
  site: Site,
  account: string,
  at: string | null,
): Promise<Result<Rotated, RotateRefusal>> {
  const known = [...site.connectors].filter(([, { accounts }]) =>
    accounts?.().includes(account),
  )
  const found = known.filter(([target]) => at === null || target === at)
  const [only] = found
  if (only === undefined)
    return no('unknown_account', `no target here keeps an account ${account}`)
  if (found.length > 1)
    return no('ambiguous_account', `name one: ${found.map(([name]) => name).join(', ')}`)
  const [target, connector] = only
  if (exposing(site, target, account).length > 0)
    return no('account_in_use', 'it is rotated by itself once its grant has ended')
  const rotated = await rotate(site, connector, account)
  if (!rotated.ok) return no('target_failed', rotated.error.reason)
  const probes = rotated.value
  if (!showAbsence(probes)) return no('not_rotated', notShown(probes))
  report(site, { grant: null, target, about: null }, { kind: 'rotated', probes, account })
  return ok({ target, account, probes })
}

const no = (code: RotateRefusal['code'], reason: string) => refuse({ code, reason })

import type { Instant, Roster, RosterIssuer } from '@halligan/core'
import type { VerifyingKey } from './envelope.ts'

/**
 * The issuer keys whose statement, issued at `issuedAt`, may stand at `index` of the log `origin`. Retirement
 * is a place in the log and not a time: a thief of an old key can lie about time, not about what was logged.
 */
export const issuersAt = (
  roster: Roster,
  issuedAt: Instant,
  place: Readonly<{ origin: string; index: number }>,
): readonly VerifyingKey[] =>
  roster.issuers
    .filter(({ notBefore }) => notBefore <= issuedAt)
    .filter((issuer) => wasLive(roster, issuer, place))
    .map(keyOf)

/** The issuer keys that may speak now. */
export const issuersNow = (roster: Roster, now: Instant): readonly VerifyingKey[] =>
  roster.issuers
    .filter(({ notBefore, retiredAt }) => notBefore <= now && retiredAt === undefined)
    .map(keyOf)

function wasLive(
  { logs }: Roster,
  { retiredAt }: RosterIssuer,
  { origin, index }: Readonly<{ origin: string; index: number }>,
): boolean {
  if (retiredAt === undefined) return true
  if (retiredAt.origin === origin) return index < retiredAt.size
  const lifeOf = (name: string) => logs.findIndex((log) => log.origin === name)
  return lifeOf(origin) >= 0 && lifeOf(origin) < lifeOf(retiredAt.origin)
}

const keyOf = ({ keyId, key }: RosterIssuer): VerifyingKey => ({ keyId, pub: key })

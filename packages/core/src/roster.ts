import type { PrincipalId } from './id.ts'
import type { Digest, KeyId } from './json.ts'
import type { Directory, Principal } from './principal.ts'
import type { Instant } from './time.ts'

/** One life of the log. Leaving SAFE MODE closes an origin at `toSize` and opens the next (PROTOCOL 7). */
export type RosterLog = Readonly<{
  origin: string
  /** C2SP signed-note verifier key */
  vkey: string
  fromSize: number
  toSize?: number
  /** base64 root at `toSize` */
  toRoot?: string
}>

export type RosterIssuer = Readonly<{
  keyId: KeyId
  /** base64url of the 32 raw Ed25519 bytes */
  key: string
  notBefore: Instant
  retiredAt?: Readonly<{ origin: string; size: number }>
}>

export type RosterEnforcer = Readonly<{
  id: string
  keyId: KeyId
  key: string
  targets: readonly string[]
}>

/** The only root of trust: whose key is whose. Signed by `threshold` trustees of the version before. */
export type Roster = Readonly<{
  estate: string
  version: number
  prevDigest: Digest | null
  trustees: readonly Readonly<{ person: PrincipalId; keyId: KeyId; key: string }>[]
  threshold: number
  logs: readonly RosterLog[]
  issuers: readonly RosterIssuer[]
  people: readonly Principal[]
  approverGroups: Readonly<Record<string, readonly PrincipalId[]>>
  enforcers: readonly RosterEnforcer[]
}>

export const directoryOf = (roster: Roster): Directory =>
  new Map(roster.people.map((principal) => [principal.person, principal]))

/** The log that is written now: the last one, which no version has closed. */
export const currentLog = (roster: Roster): RosterLog => {
  const log = roster.logs.at(-1)
  if (log === undefined) throw new Error('corrupt roster: it names no log')
  return log
}

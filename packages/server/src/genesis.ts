import type { Founders } from '@halligan/contract'
import {
  currentLog,
  type Digest,
  type Envelope,
  type Instant,
  type Json,
  ok,
  type Result,
  type Roster,
  refuse,
} from '@halligan/core'
import {
  base64url,
  type Crypto,
  keyIdOf,
  payloadDigest,
  payloadTypes,
  type Signer,
  sealEnvelope,
  verifyRosterChain,
  vkeyOf,
  withoutStrays,
} from '@halligan/ledger'
import type { Bundle } from '@halligan/policy'
import type { Tx } from './store/port.ts'

type ServerSigners = Readonly<{ log: Signer; issuer: Signer }>

/** The first roster, signed by nobody yet: the founders' keys, and the ones that the server just made. */
export function genesisRoster(
  crypto: Crypto,
  founders: Founders,
  { log, issuer }: ServerSigners,
  now: Instant,
): Envelope {
  const origin = founders.origin ?? `${founders.estate}.halligan/log`
  const idOf = (pub: string) => keyIdOf(crypto, decoded(pub))
  const roster: Roster = {
    estate: founders.estate,
    version: 1,
    prevDigest: null,
    trustees: founders.trustees.map(({ person, pub }) => ({
      person,
      keyId: idOf(pub),
      key: pub,
    })),
    threshold: founders.threshold,
    logs: [{ origin, vkey: vkeyOf(crypto, origin, log.publicKey), fromSize: 0 }],
    issuers: [
      { keyId: issuer.keyId, key: base64url.encode(issuer.publicKey), notBefore: now },
    ],
    people: founders.people.map(({ keys, ...principal }) => ({
      ...principal,
      keys: keys.map((pub) => ({
        keyId: idOf(pub),
        alg: 'ed25519',
        pub,
        approvesFrom: 0 as Instant,
      })),
    })),
    approverGroups: founders.approverGroups,
    enforcers: founders.enforcers.map(({ id, pub, targets }) => ({
      id,
      keyId: idOf(pub),
      key: pub,
      targets,
    })),
  }
  return sealEnvelope(payloadTypes.roster, roster as unknown as Json)
}

export type Genesis = Readonly<{ roster: Roster; digest: Digest; envelope: Envelope }>

/** The signed genesis roster, if its own trustees signed it and it names the keys that this server holds. */
export function acceptGenesis(
  crypto: Crypto,
  envelope: Envelope,
  { log, issuer }: ServerSigners,
): Result<Genesis, Readonly<{ code: string; reason: string }>> {
  const digest = payloadDigest(crypto, envelope)
  const chain = verifyRosterChain(crypto, [envelope], { digest })
  if (!chain.ok) return chain
  const [roster] = chain.value.rosters
  if (roster === undefined || roster.version !== 1)
    return refuse({ code: 'bad_roster', reason: 'this is not version 1' })
  const { origin, vkey } = currentLog(roster)
  if (vkey !== vkeyOf(crypto, origin, log.publicKey))
    return refuse({ code: 'bad_roster', reason: 'it names another log key than ours' })
  if (!roster.issuers.some(({ keyId }) => keyId === issuer.keyId))
    return refuse({ code: 'bad_roster', reason: 'it does not name our issuer key' })
  return ok({ roster, digest, envelope: withoutStrays(envelope, roster) })
}

/** The log's first entries: itself, its roster, its policy. Nothing is in force before them. */
export function enterGenesis(
  tx: Tx,
  { roster, digest, envelope }: Genesis,
  bundle: Bundle,
  now: Instant,
): void {
  const by = { at: now, actor: 'system' } as const
  const { origin } = currentLog(roster)
  tx.append({ ...by, kind: 'log_opened', subject: 'log', origin, estate: roster.estate })
  tx.putRoster(envelope)
  tx.append({
    ...by,
    kind: 'roster_accepted',
    subject: 'roster',
    version: roster.version,
    rosterDigest: digest,
  })
  tx.putBundle(bundle.digest, bundle.files)
  tx.append({
    ...by,
    kind: 'policy_applied',
    subject: 'policy',
    bundleDigest: bundle.digest,
    cause: 'genesis',
  })
}

function decoded(pub: string): Uint8Array {
  const bytes = base64url.decode(pub)
  if (bytes?.length !== 32) throw new Error(`${pub} is not a public key`)
  return bytes
}

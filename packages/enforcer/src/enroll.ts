import { existsSync } from 'node:fs'
import type { Digest, Envelope } from '@halligan/core'
import { base64url, isDigest } from '@halligan/ledger'
import {
  type Config,
  type Keys,
  makeFolder,
  makeKeys,
  pathsIn,
  readConfig,
  readKeys,
  writeConfig,
} from './config.ts'
import { hostRandom } from './node-ports.ts'
import { fetchChain } from './roster-chain.ts'
import { openBooks } from './store/sqlite.ts'
import { BadSettings } from './strict-fields.ts'

export type EnrolOptions = Readonly<{
  dir: string
  id?: string
  server?: string
  estate?: string
  /** From the operator's own hand. The server is never asked whom to trust. */
  trust?: string
  targets: readonly string[]
}>

/** What the roster has to say of this enforcer. */
export type Enrolment = Readonly<{
  id: string
  key: string
  keyId: string
  targets: readonly string[]
  pinned: Readonly<{ digest: Digest; versions: number }> | null
}>

/**
 * In one step or two: the key first, because the genesis roster must name it; the trust later, once that roster has a
 * digest. Repeating it changes nothing, except that a pin can only be set anew on an empty chain.
 */
export async function enroll(options: EnrolOptions): Promise<Enrolment> {
  const { dir, targets } = options
  makeFolder(dir)
  const keys = makeKeys(dir, hostRandom.bytes)
  const config = mergedConfig(dir, options)
  const pinned = await pin(config, keys, options)
  writeConfig(dir, pinned === null ? config : { ...config, ...pinned.trusted })
  const { signer } = readKeys(dir)
  return {
    id: config.enforcer,
    key: base64url.encode(signer.publicKey),
    keyId: signer.keyId,
    targets: targets.length > 0 ? targets : Object.keys(config.targets),
    pinned: pinned?.shown ?? null,
  }
}

function mergedConfig(dir: string, { id, server, estate }: EnrolOptions): Config {
  const known = existsSync(pathsIn(dir).config) ? readConfig(dir) : null
  const enforcer = id ?? known?.enforcer
  if (enforcer === undefined) throw new BadSettings('--id names this enforcer')
  if (known !== null && known.enforcer !== enforcer)
    throw new BadSettings(`${dir} is enrolled as ${known.enforcer}`)
  return {
    ...known,
    enforcer,
    targets: known?.targets ?? {},
    ...(server === undefined ? {} : { server }),
    ...(estate === undefined ? {} : { estate }),
  }
}

/** Fetches the chain, proves that the operator's digest is in it, and writes both down. */
async function pin(config: Config, { secretKey }: Keys, { dir, trust }: EnrolOptions) {
  if (trust === undefined) return null
  if (!isDigest(trust)) throw new BadSettings('--trust: sha256: and 64 hex digits')
  if (config.server === undefined) throw new BadSettings('--server is needed with --trust')
  if (config.rosterDigest !== undefined && config.rosterDigest !== trust)
    throw new BadSettings(
      `${dir} trusts ${config.rosterDigest}; a new estate is a new folder`,
    )
  const { envelopes, rosters } = await fetchChain(config.server, trust)
  const estate = rosters[0]?.estate ?? ''
  if (config.estate !== undefined && config.estate !== estate)
    throw new BadSettings(`the roster is of ${estate}, not ${config.estate}`)
  keepChain(dir, secretKey, envelopes)
  return {
    trusted: { rosterDigest: trust, estate },
    shown: { digest: trust, versions: rosters.length },
  }
}

function keepChain(dir: string, secretKey: Uint8Array, rosters: readonly Envelope[]): void {
  const books = openBooks(pathsIn(dir).books, secretKey)
  const before = books.trust()
  // Upward only: a server that shows fewer versions than were seen is not believed.
  if (rosters.length > before.rosters.length) books.keepTrust({ ...before, rosters })
  books.close()
}

import {
  type Digest,
  type Directory,
  directoryOf,
  ok,
  type Result,
  type Roster,
  refuse,
} from '@halligan/core'
import {
  type Crypto,
  parseRoster,
  payloadDigest,
  payloadTypes,
  readEnvelope,
} from '@halligan/ledger'
import { type Bundle, loadBundle } from '@halligan/policy'
import type { View } from '../store/port.ts'
import type { EstateRefusal } from './refusal.ts'

export type RosterInForce = Readonly<{
  roster: Roster
  digest: Digest
  directory: Directory
}>

/**
 * The roster and the policy bundle that count in `view`. Inside a transaction that is the
 * transaction's own state, so a change committed one command earlier already counts.
 */
export interface InForce {
  roster(view: View): RosterInForce
  policy(view: View): Result<Bundle, EstateRefusal>
}

/** Remembers the last roster and the last bundle by digest; both were checked when accepted. */
export function createInForce(crypto: Crypto): InForce {
  let roster: RosterInForce | null = null
  let bundle: Bundle | null = null
  return {
    roster(view) {
      const digest = view.rosterInForce()
      if (digest === null) throw new Error('corrupt store: it holds no roster')
      if (roster?.digest !== digest) roster = openRoster(crypto, view, digest)
      return roster
    },
    policy(view) {
      const digest = view.bundleInForce()
      if (digest === null) return refuse({ code: 'no_policy' })
      if (bundle?.digest !== digest) bundle = openBundle(crypto, view, digest)
      return bundle === null ? refuse({ code: 'no_policy' }) : ok(bundle)
    },
  }
}

function openRoster(crypto: Crypto, view: View, digest: Digest): RosterInForce {
  const envelope = view.rosters().at(-1)
  if (envelope === undefined || payloadDigest(crypto, envelope) !== digest)
    throw new Error(`corrupt store: roster ${digest} is not there`)
  const read = readEnvelope(payloadTypes.roster, envelope)
  const parsed = read.ok ? parseRoster(read.value.value) : read
  if (!parsed.ok) throw new Error('corrupt store: its roster does not parse')
  return { roster: parsed.value, digest, directory: directoryOf(parsed.value) }
}

/** Null for files that are not those of the digest: who can write the database makes no policy (ST-01). */
function openBundle(crypto: Crypto, view: View, digest: Digest): Bundle | null {
  const files = view.bundleFiles(digest)
  if (files === null) throw new Error(`corrupt store: bundle ${digest} is not there`)
  const loaded = loadBundle(crypto, files)
  return loaded.ok && loaded.value.digest === digest ? loaded.value : null
}

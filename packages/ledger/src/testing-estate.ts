/**
 * An estate in memory, for tests: every key, a roster, a log, terms and acts. Ada asks for the payments
 * database, bob and cy approve, dee reviews; robo is ada's agent.
 *
 * @module
 */
import {
  type Act,
  type ActBody,
  type ActOf,
  type Digest,
  type Envelope,
  type GrantId,
  type Guard,
  type Instant,
  type PrincipalId,
  type PrincipalKind,
  type Roster,
  secondsAfter,
  type Terms,
  type Verb,
} from '@halligan/core'
import { base64, base64url } from './base64.ts'
import { utf8 } from './bytes.ts'
import { signCheckpoint } from './checkpoint.ts'
import { commit } from './commitment.ts'
import type { Signer } from './crypto.ts'
import { completeEntry, type Entry, type EntryDraft, entryBytes } from './entry.ts'
import { payloadDigest, payloadTypes, sealEnvelope } from './envelope.ts'
import type { Proved } from './evidence.ts'
import {
  appendLeaf,
  consistencyProof,
  emptyRange,
  inclusionProof,
  leafHash,
  type Range,
  rootOf,
} from './merkle.ts'
import { nodeCrypto, signerFromSeed } from './node.ts'
import { vkeyOf } from './note.ts'
import { formatProof } from './tlog-proof.ts'

export const estate = 'example'
export const origin = 'example.test/halligan'
export const target = 'payments-pg'
export const enforcerId = 'enf-payments'
export const grant = `g-${'a'.repeat(26)}` as GrantId
/** When ada asks. */
export const start = 1_700_000_000_000 as Instant
/** Instants of the story, in seconds after the start. */
export const after = (seconds: number): Instant => secondsAfter(start, seconds)

/** The same name is always the same key. */
export const signerOf = (name: string): Signer =>
  signerFromSeed(nodeCrypto.sha256(utf8(name)))

export const pubOf = (signer: Signer): string => base64url.encode(signer.publicKey)

const id = (name: string) => name as PrincipalId

const person = (
  name: string,
  kind: PrincipalKind = 'human',
  owner?: string,
): Roster['people'][number] => ({
  person: id(name),
  kind,
  ...(owner === undefined ? {} : { owner: id(owner) }),
  keys: [
    {
      keyId: signerOf(name).keyId,
      alg: 'ed25519',
      pub: pubOf(signerOf(name)),
      approvesFrom: 0 as Instant,
    },
  ],
})

const trustee = (name: string): Roster['trustees'][number] => {
  const signer = signerOf(`trustee ${name}`)
  return { person: id(name), keyId: signer.keyId, key: pubOf(signer) }
}

/** Version 1, of which cy and dee are the trustees. */
export const genesis: Roster = {
  estate,
  version: 1,
  prevDigest: null,
  trustees: [trustee('cy'), trustee('dee')],
  threshold: 2,
  logs: [
    { origin, vkey: vkeyOf(nodeCrypto, origin, signerOf('log').publicKey), fromSize: 0 },
  ],
  issuers: [
    {
      keyId: signerOf('issuer').keyId,
      key: pubOf(signerOf('issuer')),
      notBefore: 0 as Instant,
    },
  ],
  people: [
    person('ada'),
    person('bob'),
    person('cy'),
    person('dee'),
    person('mallory'),
    person('robo', 'agent', 'ada'),
  ],
  approverGroups: { 'payments-leads': [id('bob'), id('cy'), id('ada'), id('robo')] },
  enforcers: [
    {
      id: enforcerId,
      keyId: signerOf('enforcer').keyId,
      key: pubOf(signerOf('enforcer')),
      targets: [target],
    },
  ],
}

export const signRoster = (
  roster: Roster,
  trustees: readonly string[] = ['cy', 'dee'],
): Envelope =>
  sealEnvelope(
    payloadTypes.roster,
    roster,
    ...trustees.map((name) => signerOf(`trustee ${name}`)),
  )

/** The next version after the last of `chain`, signed by the trustees. */
export function nextRoster(
  chain: readonly Envelope[],
  before: Roster,
  changes: Partial<Roster>,
): { roster: Roster; envelope: Envelope } {
  const last = chain.at(-1)
  if (last === undefined) throw new Error('an empty chain has no next version')
  const prevDigest = payloadDigest(nodeCrypto, last)
  const roster = { ...before, version: before.version + 1, prevDigest, ...changes }
  return { roster, envelope: signRoster(roster) }
}

/** A log in memory that can prove what it holds. */
export class MemoryLog {
  readonly entries: Entry[] = []
  readonly #nodes = new Map<string, Uint8Array>()
  readonly #ranges: Range[] = [emptyRange]
  readonly #signer: Signer

  constructor(signer = signerOf('log')) {
    this.#signer = signer
  }

  get size(): number {
    return this.entries.length
  }

  append(draft: EntryDraft): number {
    const prev =
      this.entries.findLast(({ subject }) => subject === draft.subject)?.id ?? null
    return this.appendEntry(completeEntry(nodeCrypto, draft, prev))
  }

  appendEntry(entry: Entry): number {
    const leaf = leafHash(nodeCrypto, entryBytes(entry))
    const range = this.#ranges.at(-1) ?? emptyRange
    this.#ranges.push(
      appendLeaf(nodeCrypto, range, leaf, (level, index, hash) => {
        this.#nodes.set(`${level}/${index}`, hash)
      }),
    )
    return this.entries.push(entry) - 1
  }

  root(size = this.size): string {
    return base64.encode(rootOf(nodeCrypto, this.#ranges[size] ?? emptyRange))
  }

  checkpoint(size = this.size): string {
    return signCheckpoint(nodeCrypto, { origin, size, root: this.root(size) }, this.#signer)
  }

  prove(index: number, checkpoint = this.checkpoint()): Proved {
    const entry = this.entries[index]
    if (entry === undefined) throw new Error(`the log has no entry ${index}`)
    const hashes = inclusionProof(nodeCrypto, this.#read, index, this.size)
    return { entry, proof: formatProof({ index, hashes, checkpoint }) }
  }

  consistency(from: number): readonly string[] {
    return consistencyProof(nodeCrypto, this.#read, from, this.size).map(base64.encode)
  }

  readonly #read = (level: number, index: number): Uint8Array => {
    const node = this.#nodes.get(`${level}/${index}`)
    if (node === undefined) throw new Error(`no complete subtree ${level}/${index}`)
    return node
  }
}

const blobOf = (name: string, text: string) => {
  const salt = nodeCrypto.sha256(utf8(`the salt of the ${name}`))
  const commitment = commit(nodeCrypto, salt, utf8(text))
  return { commitment, salt: base64url.encode(salt), text } as const
}

/** What ada wrote when she asked, and dee when she closed the review. */
export const reason = blobOf('reason', 'payments are stuck, INC-1')
export const note = blobOf('note', 'needed, and nothing else was touched')

export const terms: Terms = {
  estate,
  grant,
  revision: 1,
  requester: id('ada'),
  entitlement: 'payments-db-repair',
  targets: [{ target, enforcer: enforcerId, privileges: ['role:payments_repair'] }],
  route: { name: 'quorum', approvals: 2, groups: ['payments-leads'] },
  lifeSeconds: 600,
  incident: 'inc-1',
  reasonCommitment: reason.commitment,
}

export const guard: Guard = {
  enforcer: enforcerId,
  targets: {
    [target]: {
      entitlements: ['payments-db-repair'],
      privileges: ['role:payments_repair'],
      routes: { quorum: { minApprovals: 1 } },
      approverGroup: 'payments-leads',
      maxLifeSeconds: 3600,
      owners: ['dee'],
    },
  },
}

export const sealTo = { kty: 'OKP', crv: 'X25519', x: 'A'.repeat(43) } as const

/** An unsigned act, good in everything. */
export const actOf = <V extends Verb>(
  verb: V,
  by: string,
  body: ActBody[V],
  about: { grant?: GrantId; termsDigest?: Digest } = {},
): ActOf<V> => ({
  type: 'halligan/act/v1',
  estate,
  verb,
  ...about,
  by: id(by),
  keyId: signerOf(by).keyId,
  nonce: 'bm9uY2U',
  at: start,
  body,
})

export const signAct = (act: Act, signer: Signer = signerOf(act.by)): Envelope =>
  sealEnvelope(payloadTypes.act, act, signer)

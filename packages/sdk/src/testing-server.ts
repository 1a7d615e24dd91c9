/**
 * For tests: a control plane of paper. It answers every route that a client asks as an honest one would, over a real log
 * with real keys, until it is told to lie.
 *
 * @module
 */
import { type RouteId, routes } from '@halligan/contract'
import type {
  Act,
  Digest,
  Envelope,
  GrantId,
  Instant,
  Json,
  PrincipalId,
  Roster,
  Terms,
} from '@halligan/core'
import {
  base64,
  base64url,
  commit,
  completeEntry,
  consistencyProof,
  digestOf,
  digestOfBytes,
  type Entry,
  type EntryDraft,
  entryBytes,
  formatProof,
  inclusionProof,
  leafHash,
  nodeHash,
  payloadDigest,
  payloadTypes,
  readEnvelope,
  replay,
  type Signer,
  sealEnvelope,
  signCheckpoint,
  vkeyOf,
} from '@halligan/ledger'
import { nodeCrypto as crypto, generateSigner } from '@halligan/ledger/node'
import { CompactEncrypt, importJWK } from 'jose'
import type { Text } from './client.ts'
import type { PrivateSealKey } from './sealed.ts'
import { ruled, ruling } from './testing-ruling.ts'

export const estate = 'example'
export const origin = 'example.halligan/log'
export const target = 'payments-pg'
export const grantId = `g-${'a'.repeat(26)}` as GrantId
export const now = 1_800_000_000_000 as Instant

const publicPart = (signer: Signer) => base64url.encode(signer.publicKey)
const signer = () => generateSigner().signer

type Answer = Readonly<Record<string, Json>> | string

export class PaperServer {
  readonly log = signer()
  readonly issuer = signer()
  readonly enforcer = signer()
  readonly ada = signer()
  readonly bob = signer()
  readonly rosters: Envelope[]
  readonly entries: Entry[] = []
  readonly #lies = new Map<RouteId, (honest: never) => unknown>()
  readonly #prev = new Map<string, Digest>()
  terms: Terms | null = null
  texts: Text[] = []
  sealed: Readonly<{ jwe: string; revealId: string; receipt: Envelope }> | null = null

  constructor() {
    this.rosters = [this.signedRoster(1, null)]
    this.append({ kind: 'log_opened', subject: 'log', actor: 'system', origin, estate })
  }

  get rosterDigest(): Digest {
    return payloadDigest(crypto, this.rosters[0] as Envelope)
  }

  /** From now on the answer of `route` is `change(honest)`. */
  lie<T = Readonly<Record<string, Json>>>(
    route: RouteId,
    change: (honest: T) => unknown,
  ): void {
    this.#lies.set(route, change as (honest: never) => unknown)
  }

  signedRoster(version: number, prevDigest: Digest | null, by = this.bob): Envelope {
    const person = (name: string, key: Signer) => ({
      person: name as PrincipalId,
      kind: 'human' as const,
      keys: [
        {
          keyId: key.keyId,
          alg: 'ed25519' as const,
          pub: publicPart(key),
          approvesFrom: 0 as Instant,
        },
      ],
    })
    const roster: Roster = {
      estate,
      version,
      prevDigest,
      trustees: [{ person: 'bob' as PrincipalId, keyId: by.keyId, key: publicPart(by) }],
      threshold: 1,
      logs: [{ origin, vkey: vkeyOf(crypto, origin, this.log.publicKey), fromSize: 0 }],
      issuers: [
        { keyId: this.issuer.keyId, key: publicPart(this.issuer), notBefore: 0 as Instant },
      ],
      people: [person('ada', this.ada), person('bob', by)],
      approverGroups: {},
      enforcers: [
        {
          id: 'enf-payments',
          keyId: this.enforcer.keyId,
          key: publicPart(this.enforcer),
          targets: [target],
        },
      ],
    }
    return sealEnvelope(payloadTypes.roster, roster as unknown as Json, by)
  }

  append(draft: Omit<EntryDraft, 'at'> & Readonly<Record<string, Json>>): Entry {
    const prev = this.#prev.get(draft.subject as string) ?? null
    const entry = completeEntry(crypto, { at: now, ...draft } as EntryDraft, prev)
    this.#prev.set(entry.subject, entry.id)
    this.entries.push(entry)
    return entry
  }

  /** The node's hash, over the complete subtree. */
  #node = (level: number, index: number): Uint8Array =>
    level === 0
      ? leafHash(crypto, entryBytes(this.entries[index] as Entry))
      : nodeHash(
          crypto,
          this.#node(level - 1, 2 * index),
          this.#node(level - 1, 2 * index + 1),
        )

  #root(from: number, size: number): Uint8Array {
    if (size === 0) return crypto.sha256(new Uint8Array())
    if (size === 1) return this.#node(0, from)
    let left = 1
    while (left * 2 < size) left *= 2
    return nodeHash(crypto, this.#root(from, left), this.#root(from + left, size - left))
  }

  checkpoint(size = this.entries.length, by = this.log): string {
    const root = base64.encode(this.#root(0, size))
    return signCheckpoint(crypto, { origin, size, root }, by)
  }

  proof(index: number): Readonly<{ index: number; entry: Entry; proof: string }> {
    const hashes = inclusionProof(crypto, this.#node, index, this.entries.length)
    const proof = formatProof({ index, hashes, checkpoint: this.checkpoint() })
    return { index, entry: this.entries[index] as Entry, proof }
  }

  /** To be handed to a client in place of the network. */
  readonly fetch = async (input: string | URL | Request, init?: RequestInit) => {
    const url = new URL(String(input))
    const found = Object.entries(routes).flatMap(([id, route]) => {
      const pattern = new RegExp(`^${route.path.replaceAll(/:[a-z]+/g, '([^/]+)')}$`)
      const match = route.method === init?.method ? pattern.exec(url.pathname) : null
      return match === null ? [] : [{ id: id as RouteId, args: match.slice(1) }]
    })[0]
    if (found === undefined) return new Response('no such page', { status: 404 })
    const body = init?.body === undefined ? null : JSON.parse(String(init.body))
    const honest = this.#answer(found.id, found.args, url.searchParams, body)
    const told = this.#lies.get(found.id)?.(honest as never) ?? honest
    if (told instanceof Response) return told
    return new Response(typeof told === 'string' ? told : JSON.stringify(told))
  }

  #answer(
    id: RouteId,
    args: readonly string[],
    query: URLSearchParams,
    body: Readonly<Record<string, unknown>> | null,
  ): Answer {
    if (id.startsWith('act_')) return this.#accept(body as never)
    switch (id) {
      case 'rosters':
        return { rosters: this.rosters as unknown as Json }
      case 'checkpoint':
        return this.checkpoint()
      case 'challenge':
        return { challenge: 'c2lnbg' }
      case 'session':
        return { token: 'reads-only', expires: now }
      case 'prepare':
        return { nonce: 'bm9uY2U', ...this.#resolved(body as never) }
      case 'entry_proof':
        return this.proof(Number(args[0])) as unknown as Answer
      case 'consistency': {
        const [from, to] = [Number(query.get('from')), Number(query.get('to'))]
        const hashes = consistencyProof(crypto, this.#node, from, to)
        return { from, to, hashes: hashes.map((hash) => base64.encode(hash)) }
      }
      case 'grant':
        return this.#grant()
      case 'sealed':
        return this.sealed as unknown as Answer
      default:
        throw new Error(`the paper server has no ${id}`)
    }
  }

  #resolved(asked: Readonly<Record<string, Json>>): Readonly<Record<string, Json>> {
    if (asked.verb !== 'request') return {}
    const { verb: _, route, ...rest } = asked
    const terms = {
      ...rest,
      estate,
      revision: 1,
      requester: 'ada',
      targets: [{ target, enforcer: 'enf-payments', privileges: ['role:payments_repair'] }],
      route: { name: route, approvals: 1, groups: ['payments-leads'] },
    }
    return { terms, ruling: ruling as unknown as Json } as Readonly<Record<string, Json>>
  }

  #accept({ act, blobs }: Readonly<{ act: Envelope; blobs: Text[] }>): Answer {
    const read = readEnvelope<Act>(payloadTypes.act, act)
    if (!read.ok) throw new Error(read.error.reason)
    const said = read.value.value
    this.texts.push(...blobs)
    const entry =
      said.verb === 'request' ? this.#request(act, said) : this.#other(act, said)
    return {
      act: payloadDigest(crypto, act),
      entries: [{ index: this.entries.indexOf(entry), id: entry.id, kind: entry.kind }],
      grant: grantId,
    }
  }

  #request(act: Envelope, said: Extract<Act, { verb: 'request' }>): Entry {
    this.terms = said.body.terms
    return this.append({
      kind: 'requested',
      subject: `grant/${grantId}`,
      actor: said.by,
      drill: false,
      terms: this.terms,
      termsDigest: digestOf(crypto, this.terms),
      closure: ['ada'],
      act: act as unknown as Json,
    })
  }

  #other(act: Envelope, said: Act): Entry {
    const about = {
      subject: `grant/${grantId}`,
      actor: said.by,
      act: act as unknown as Json,
    }
    return this.append({ kind: said.verb, ...about })
  }

  /** Rules, approves and activates what was requested, as the issuer would, sealing to the act's key. */
  activate(
    act: Envelope,
    sealTo: Json,
    change: Readonly<Record<string, Json>> = {},
  ): Envelope {
    const terms = this.terms as Terms
    const subject = `grant/${grantId}`
    const route = { ...ruling.open[0], until: now } as Json
    const by = { subject, actor: 'system' }
    this.append({ ...by, kind: 'ruled', until: now, route, ...ruled })
    this.append({ ...by, kind: 'approved', until: now })
    const termsDigest = digestOf(crypto, terms)
    const decision = sealEnvelope(
      payloadTypes.decision,
      {
        type: 'halligan/decision/v1',
        decision: 'd-1',
        estate,
        grant: grantId,
        termsDigest,
        terms,
        activateAct: payloadDigest(crypto, act),
        issuedAt: now,
        ...((change.decision as Readonly<Record<string, Json>>) ?? {}),
      },
      this.issuer,
    )
    const decisionDigest = payloadDigest(crypto, decision)
    this.append({
      ...by,
      kind: 'activated',
      act: act as unknown as Json,
      decision: decision as unknown as Json,
      decisionDigest,
      notAfter: now,
      voidIf: [],
    })
    const order = sealEnvelope(
      payloadTypes.order,
      {
        type: 'halligan/order/v1',
        op: 'open',
        order: 'o-1',
        estate,
        grant: grantId,
        target,
        enforcer: 'enf-payments',
        decisionDigest,
        sealTo,
        ...((change.order as Readonly<Record<string, Json>>) ?? {}),
      },
      this.issuer,
    )
    this.append({
      ...by,
      kind: 'ordered',
      op: 'open',
      target,
      enforcer: 'enf-payments',
      order: order as unknown as Json,
      orderDigest: payloadDigest(crypto, order),
    })
    return order
  }

  /** As the enforcer seals: ECDH-ES+A256KW to the order's key, the place in the protected header. */
  async seal(
    order: Envelope,
    to: PrivateSealKey,
    change: Readonly<{ header?: object; receipt?: object; by?: Signer }> = {},
  ): Promise<void> {
    const { d: _, ...publicKey } = to
    const orderIndex = this.entries.length - 1
    const jwe = await new CompactEncrypt(
      new TextEncoder().encode('{"PGPASSWORD":"secret"}'),
    )
      .setProtectedHeader({
        alg: 'ECDH-ES+A256KW',
        enc: 'A256GCM',
        ...{ estate, grant: grantId, target, orderIndex, ...change.header },
      })
      .encrypt(await importJWK(publicKey, 'ECDH-ES+A256KW'))
    const sealedDigest = digestOfBytes(crypto, new TextEncoder().encode(jwe))
    const receipt = {
      type: 'halligan/receipt/v1',
      estate,
      enforcer: 'enf-payments',
      seq: 1,
      prevReceiptDigest: null,
      orderDigest: payloadDigest(crypto, order),
      orderIndex,
      grant: grantId,
      target,
      checkpointSeen: null,
      at: now,
      detail: { kind: 'applied', sealedDigest, revealId: 'r-1' },
      ...change.receipt,
    }
    const signed = sealEnvelope(
      payloadTypes.receipt,
      receipt as Json,
      change.by ?? this.enforcer,
    )
    this.sealed = { jwe, revealId: 'r-1', receipt: signed }
  }

  #grant(): Answer {
    const placed = this.entries.flatMap((entry, index) =>
      entry.subject === `grant/${grantId}` ? [{ index, entry }] : [],
    )
    const grant = replay(placed.map(({ entry }) => entry))
    return { grant, entries: placed, blobs: this.texts, notices: [] } as unknown as Answer
  }
}

/** A text under a salt that the test can know. */
export function paperText(text: string): Text {
  const salt = new Uint8Array(32)
  const commitment = commit(crypto, salt, new TextEncoder().encode(text))
  return { commitment, salt: base64url.encode(salt), text }
}

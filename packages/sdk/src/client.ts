import type { AnswerOf, BodyOf, PrepareAnswer, RouteId, Routes } from '@halligan/contract'
import {
  type Act,
  type ActBody,
  currentLog,
  type Digest,
  type Envelope,
  type GrantId,
  type Instant,
  type Json,
  ok,
  type Result,
  type Ruling,
  type Terms,
  type Verb,
} from '@halligan/core'
import { type Crypto, type Entry, payloadDigest, payloadTypes } from '@halligan/ledger'
import type { Authenticator } from './authenticator.ts'
import { type Asked, compareTerms } from './compare-terms.ts'
import { type Found, verifyDriftAnswer } from './drift-answer.ts'
import { type ServerEvent, serverEvents } from './events.ts'
import { type GrantAnswer, type ReadGrant, verifyGrantAnswer } from './grant-answer.ts'
import { actIn, verifyIncluded } from './included.ts'
import { type ClientRefusal, deceived } from './refusal.ts'
import { type Opened, openSealed, type PrivateSealKey, sealedParts } from './sealed.ts'
import { openSession, type Session } from './session.ts'
import { type CallInput, createTransport, type Fetch, type Transport } from './transport.ts'
import {
  acceptCheckpoint,
  acceptRosters,
  type Head,
  type Rosters,
  type Trust,
  type TrustStore,
} from './trust.ts'

export type ClientOptions = Readonly<{
  /** e.g. `https://halligan.example:8443` */
  server: string
  fetch: Fetch
  crypto: Crypto
  now(): Instant
  trust: TrustStore
  /** Absent for one who only reads what everybody may. */
  authenticator?: Authenticator
}>

/** A text that a commitment closes over, with the salt that its author made. */
export type Text = Readonly<{ commitment: Digest; salt: string; text: string }>

export type Draft<V extends Verb> = Readonly<{
  verb: V
  grant?: GrantId
  termsDigest?: Digest
  nonce: string
  body: ActBody[V]
}>

/** An act that the server took, and whose entry is proven to stand in the log. */
export type Accepted = AnswerOf<Routes['act_approve']> & Readonly<{ index: number }>

export type PreparedRequest = Readonly<{ nonce: string; terms: Terms; ruling: Ruling }>

type Connection = Readonly<{ rosters: Rosters; session: Session | null }>

/** A client of one server, for one principal. */
export const createClient = (options: ClientOptions): Client => new Client(options)

/**
 * Believes nothing it cannot check. Every answer is parsed strictly; rosters and checkpoints only move forward; a
 * submitted act counts once its entry is proven to stand in the log.
 */
export class Client {
  readonly transport: Transport
  readonly #options: ClientOptions
  #connection: Promise<Result<Connection, ClientRefusal>> | null = null

  constructor(options: ClientOptions) {
    this.#options = options
    this.transport = createTransport(options.server, options.fetch)
  }

  async #connect(): Promise<Result<Connection, ClientRefusal>> {
    const { crypto, trust, authenticator, now } = this.#options
    const answer = await this.transport.call('rosters')
    if (!answer.ok) return answer
    const before = await trust.load()
    const rosters = acceptRosters(crypto, before, answer.value.rosters)
    if (!rosters.ok) return rosters
    await trust.keep({ ...before, rosters: answer.value.rosters })
    if (authenticator === undefined) return ok({ rosters: rosters.value, session: null })
    const { estate } = before
    const { origin } = currentLog(rosters.value.latest)
    const to = { estate, origin }
    const session = await openSession(this.transport, authenticator, to, now())
    return session.ok ? ok({ rosters: rosters.value, session: session.value }) : session
  }

  async #connected(): Promise<Result<Connection, ClientRefusal>> {
    this.#connection ??= this.#connect()
    const reached = await this.#connection
    if (!reached.ok) this.#connection = null
    return reached
  }

  async #withSession(input: CallInput = {}): Promise<Result<CallInput, ClientRefusal>> {
    const reached = await this.#connected()
    if (!reached.ok) return reached
    const { session } = reached.value
    return ok(session === null ? input : { ...input, token: session.token })
  }

  /** A read, with the session. */
  async call<Id extends RouteId>(
    id: Id,
    input?: CallInput,
  ): Promise<Result<AnswerOf<Routes[Id]>, ClientRefusal>> {
    const full = await this.#withSession(input)
    return full.ok ? this.transport.call(id, full.value) : full
  }

  /** The roster in force, proven from the pinned digest. */
  async rosters(): Promise<Result<Rosters, ClientRefusal>> {
    const reached = await this.#connected()
    return reached.ok ? ok(reached.value.rosters) : reached
  }

  #proveGrowth = async (from: number, to: number) => {
    const answer = await this.call('consistency', { query: { from, to } })
    return answer.ok ? ok(answer.value.hashes) : answer
  }

  /**
   * Accepts `note` as the newest checkpoint, or says why not; what is accepted is kept. `before` is what was believed
   * before the question was asked: another process may have learnt more since, and that is no deception.
   */
  async #accept(note: string, before: Trust): Promise<Result<Head, ClientRefusal>> {
    const { crypto, trust } = this.#options
    const reached = await this.rosters()
    if (!reached.ok) return reached
    const head = await acceptCheckpoint(
      crypto,
      before.checkpoint,
      reached.value,
      note,
      this.#proveGrowth,
    )
    if (head.ok) await trust.keep({ ...before, checkpoint: head.value })
    return head
  }

  /** The server's checkpoint, if the log only grew since the last that was seen. */
  async checkpoint(): Promise<Result<{ head: Head; note: string }, ClientRefusal>> {
    const before = await this.#options.trust.load()
    const note = await this.transport.call('checkpoint')
    if (!note.ok) return note
    const head = await this.#accept(note.value, before)
    return head.ok ? ok({ head: head.value, note: note.value }) : head
  }

  /** Proves that the entry at `index` is `expected`, under a checkpoint that continues the last one seen. */
  async prove(index: number, expected: Digest): Promise<Result<Entry, ClientRefusal>> {
    const { crypto, trust } = this.#options
    const reached = await this.rosters()
    if (!reached.ok) return reached
    const before = await trust.load()
    const answer = await this.call('entry_proof', { params: { index: String(index) } })
    if (!answer.ok) return answer
    const entry = answer.value.entry as Entry
    const { proof } = answer.value
    const included = verifyIncluded(crypto, reached.value.latest.logs, { entry, proof })
    if (!included.ok) return included
    if (included.value.index !== index || entry.id !== expected)
      return deceived('other_entry', `entry ${index} is not the one that was named`)
    const head = await this.#accept(included.value.note, before)
    return head.ok ? ok(entry) : head
  }

  /** A nonce for one act and, for a request, the terms as the server resolves them. Nothing is signed by this. */
  prepare(body: BodyOf<Routes['prepare']>): Promise<Result<PrepareAnswer, ClientRefusal>> {
    return this.call('prepare', { body: body as Json })
  }

  /** A nonce and the terms of a request, which the server may complete and never change (INV-5). */
  async prepareRequest(
    asked: Omit<Asked, 'estate' | 'requester'>,
  ): Promise<Result<PreparedRequest, ClientRefusal>> {
    const { estate } = await this.#options.trust.load()
    const { actsFor, ...rest } = asked
    const prepared = await this.prepare({
      verb: 'request',
      ...rest,
      ...(actsFor === undefined ? {} : { actsFor: [...actsFor] }),
    })
    if (!prepared.ok) return prepared
    const { nonce, terms, ruling } = prepared.value
    if (terms === undefined || ruling === undefined)
      return deceived('malformed_answer', 'the server resolved no terms')
    const same = compareTerms(
      { ...asked, estate, requester: this.#signing().principal },
      terms,
    )
    if (same.ok) return ok({ nonce, terms, ruling })
    const differences = same.error.differences.map(
      ({ field, asked, answered }) => `${field}: asked ${asked}, answered ${answered}`,
    )
    return deceived('terms_differ', differences.join('; '))
  }

  /** The act as it will be signed. Show it before {@link submit}. */
  async draft<V extends Verb>(of: Draft<V>): Promise<Act> {
    const { estate } = await this.#options.trust.load()
    const { principal: by, keyId } = this.#signing()
    const { verb, grant, termsDigest, nonce, body } = of
    const act = {
      type: 'halligan/act/v1',
      estate,
      verb,
      ...(grant === undefined ? {} : { grant }),
      ...(termsDigest === undefined ? {} : { termsDigest }),
      by,
      keyId,
      nonce,
      at: this.#options.now(),
      body,
    }
    return act as unknown as Act
  }

  #signing(): Authenticator {
    const { authenticator } = this.#options
    if (authenticator === undefined) throw new Error('this client has no key to sign with')
    return authenticator
  }

  /** Signs `act` and keeps it here: an enforcer takes a signed end without any server (PROTOCOL 3.8). */
  seal(act: Act): Promise<Envelope> {
    return this.#signing().seal(payloadTypes.act, act as unknown as Json)
  }

  /** Signs `act` and brings it to the server. Sending it again is safe: its digest is its idempotency key. */
  async submit(
    act: Act,
    attached: { blobs?: readonly Text[]; bundle?: Readonly<Record<string, string>> } = {},
  ): Promise<Result<Accepted, ClientRefusal>> {
    const envelope = await this.seal(act)
    const digest = payloadDigest(this.#options.crypto, envelope)
    const { blobs = [], bundle } = attached
    const body = { act: envelope, blobs, ...(bundle === undefined ? {} : { bundle }) }
    const send = () => this.transport.call(`act_${act.verb}`, { body })
    const first = await send()
    const answer = first.ok || !isUnknown(first.error) ? first : await send()
    if (!answer.ok) return answer
    if (answer.value.act !== digest)
      return deceived('other_entry', 'the answer is for another act')
    const index = await this.#proveOwn(digest, answer.value.entries)
    return index.ok ? ok({ ...answer.value, index: index.value }) : index
  }

  /** One of the entries named must hold the act, and stand in the log. */
  async #proveOwn(
    act: Digest,
    entries: Accepted['entries'],
  ): Promise<Result<number, ClientRefusal>> {
    for (const { index, id } of entries) {
      const entry = await this.prove(index, id)
      if (!entry.ok) return entry
      if (actIn(this.#options.crypto, entry.value) === act) return ok(index)
    }
    return deceived('other_entry', 'no entry that the server names holds your act')
  }

  /** A grant, replayed from its own entries, of which the last is proven to stand in the log. */
  async grant(id: GrantId): Promise<Result<ReadGrant, ClientRefusal>> {
    const reached = await this.rosters()
    if (!reached.ok) return reached
    const answer = await this.call('grant', { params: { grant: id } })
    if (!answer.ok) return answer
    const read = verifyGrantAnswer(
      this.#options.crypto,
      reached.value.all,
      id,
      answer.value as GrantAnswer,
    )
    const last = answer.value.entries.at(-1)
    if (!read.ok || last === undefined) return read
    const proven = await this.prove(last.index, last.entry.id as Digest)
    return proven.ok ? read : proven
  }

  /**
   * What enforcers found and no grant explains, in log order: of one target, or of all that the roster gives to enforcers.
   * The latest entry of each target is proven to stand in the log; `limit` is how many of each are asked for.
   */
  async drift(
    of: Readonly<{ target?: string; limit?: number }> = {},
  ): Promise<Result<readonly Found[], ClientRefusal>> {
    const reached = await this.rosters()
    if (!reached.ok) return reached
    const answer = await this.call('drift', { query: { ...of } })
    if (!answer.ok) return answer
    const { all, latest } = reached.value
    const asked =
      of.target === undefined
        ? latest.enforcers.flatMap(({ targets }) => targets)
        : [of.target]
    const found = verifyDriftAnswer(this.#options.crypto, all, asked, answer.value)
    if (!found.ok) return found
    for (const { entries } of answer.value.targets) {
      const last = entries.at(-1)
      if (last === undefined) continue
      const proven = await this.prove(last.index, last.entry.id as Digest)
      if (!proven.ok) return proven
    }
    return found
  }

  /** A grant's entries as they become durable, from the first. Ends with the connection. */
  async events(
    id: GrantId,
    signal?: AbortSignal,
  ): Promise<Result<AsyncGenerator<ServerEvent>, ClientRefusal>> {
    const input = { params: { grant: id }, ...(signal === undefined ? {} : { signal }) }
    const full = await this.#withSession(input)
    if (!full.ok) return full
    const stream = await this.transport.stream('grant_events', full.value)
    return stream.ok ? ok(serverEvents(stream.value)) : stream
  }

  /** The credential of `target`, opened only after every check of PROTOCOL 3.7 held. */
  async openCredential(
    read: ReadGrant,
    target: string,
    key: PrivateSealKey,
  ): Promise<Result<Opened, ClientRefusal>> {
    const reached = await this.rosters()
    if (!reached.ok) return reached
    const params = { grant: read.grant.id, target }
    const answer = await this.call('sealed', { params })
    if (!answer.ok) return answer
    const { crypto } = this.#options
    const sealed = sealedParts(crypto, read, target, answer.value)
    return sealed.ok ? openSealed(crypto, reached.value.latest, sealed.value, key) : sealed
  }

  /** The exact bytes, for `verifyCaseFile`. */
  async caseFile(id: GrantId): Promise<Result<Uint8Array, ClientRefusal>> {
    const full = await this.#withSession({ params: { grant: id } })
    return full.ok ? this.transport.bytes('case_file', full.value) : full
  }
}

/** Nobody knows whether the act was entered. Sent again it is the same act, and gets its one answer (INV-22). */
const isUnknown = ({ kind, code }: ClientRefusal): boolean =>
  kind === 'unreachable' || code === 'outcome_unknown'

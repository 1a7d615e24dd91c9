/**
 * A person at a terminal, or an agent: a key, a session, and the network between them and the server. They sign what they
 * say, and say it again when they hear no answer.
 *
 * @module
 */
import type { ActBody, Digest, Envelope, GrantId, Json, Terms, Verb } from '@halligan/core'
import {
  base64url,
  commit,
  digestOf,
  payloadTypes,
  type Signer,
  sealEnvelope,
} from '@halligan/ledger'
import { rememberingCrypto as crypto, signerNamed } from './crypto.ts'
import type { Dice } from './dice.ts'
import { estateName, type Name, origin } from './estate.ts'
import type { World } from './world.ts'

export type Told = Readonly<{ status: number; body: Readonly<Record<string, Json>> }>

export type About = Readonly<{ grant?: GrantId; termsDigest?: Digest }>

export type Text = Readonly<{ commitment: Digest; salt: string; text: string }>

export type Signed = Readonly<{ verb: Verb; act: Envelope; blobs: readonly Text[] }>

export type Person = Readonly<{
  name: Name
  /** Null when no answer came. */
  get(path: string): Promise<Told | null>
  post(path: string, body: Json, authorization?: string | null): Promise<Told | null>
  /** With the session of this person. */
  ask(path: string, body: Json): Promise<Told | null>
  nonceFor(verb: Verb, about: About): Promise<string | null>
  sign<V extends Verb>(
    verb: V,
    about: About,
    body: ActBody[V],
    nonce: string,
    as?: Readonly<{ by?: string; signer?: Signer }>,
  ): Envelope
  /** Sends it until there is an answer, a few times. */
  send(signed: Signed): Promise<Told | null>
  /** Prepares, signs and sends. */
  act<V extends Verb>(
    verb: V,
    about: About,
    body: ActBody[V],
    blobs?: readonly Text[],
  ): Promise<Told | null>
  request(ask: Ask): Promise<Told | null>
}>

export type Ask = Readonly<{
  grant: GrantId
  entitlement: string
  incident: string
  route: 'quorum' | 'solo'
  lifeSeconds: number
}>

const server = 'http://server'

export function createPerson(world: World, name: Name): Person {
  const fetch = world.network.fetchFrom(name)
  const dice = world.dice.named(name)
  const { agenda } = world
  let token: Readonly<{ bearer: string; until: number }> | null = null

  const call = async (
    method: string,
    path: string,
    body: Json | null,
    bearer: string | null,
  ) => {
    const headers: Record<string, string> = { 'content-type': 'application/json' }
    if (bearer !== null) headers.authorization = bearer
    try {
      const response = await fetch(`${server}${path}`, {
        ...{ method, headers },
        ...(body === null ? {} : { body: JSON.stringify(body) }),
      })
      const text = await response.text()
      return { status: response.status, body: JSON.parse(text) as Told['body'] }
    } catch (error) {
      if (error instanceof TypeError) return null
      throw error
    }
  }

  const session = async (): Promise<string | null> => {
    if (token !== null && agenda.now() < token.until) return token.bearer
    const asked = await call('POST', '/v1/session/challenge', { principal: name }, null)
    if (asked?.status !== 200) return null
    const { keyId } = signerNamed(name)
    const statement = {
      ...{
        type: 'halligan/session/v1',
        estate: estateName,
        origin,
        principal: name,
        keyId,
      },
      ...{ challenge: asked.body.challenge, at: agenda.now() },
    }
    const sealed = sealEnvelope(payloadTypes.session, statement as Json, signerNamed(name))
    const opened = await call(
      'POST',
      '/v1/session',
      { session: sealed as unknown as Json },
      null,
    )
    if (opened?.status !== 200) return null
    token = { bearer: `Bearer ${String(opened.body.token)}`, until: agenda.now() + 600_000 }
    return token.bearer
  }

  const withSession = async (method: string, path: string, body: Json | null) => {
    const bearer = await session()
    if (bearer === null) return null
    const told = await call(method, path, body, bearer)
    if (told?.status === 401) token = null
    return told
  }

  const person: Person = {
    name,
    get: (path) => withSession('GET', path, null),
    post: (path, body, authorization = null) => call('POST', path, body, authorization),
    ask: (path, body) => withSession('POST', path, body),
    async nonceFor(verb, about) {
      const told = await withSession('POST', '/v1/prepare', { verb, ...about } as Json)
      return told?.status === 200 ? String(told.body.nonce) : null
    },
    sign(verb, about, body, nonce, { by = name, signer = signerNamed(name) } = {}) {
      const act = {
        ...{ type: 'halligan/act/v1', estate: estateName, verb, ...about, by },
        ...{ keyId: signer.keyId, nonce, at: agenda.now(), body },
      }
      return sealEnvelope(payloadTypes.act, act as unknown as Json, signer)
    },
    async send({ verb, act, blobs }) {
      const body = { act, blobs } as unknown as Json
      for (let attempt = 0; attempt < 4; attempt++) {
        const told = await call('POST', `/v1/acts/${verb}`, body, null)
        if (told !== null && told.status < 500) return told
        await agenda.sleep(dice.between(500, 5000), `${name} tries again`)
      }
      return null
    },
    async act(verb, about, body, blobs = []) {
      const nonce = await person.nonceFor(verb, about)
      if (nonce === null) return null
      return person.send({ verb, act: person.sign(verb, about, body, nonce), blobs })
    },
    async request(ask) {
      const reason = textOf(dice, 'the payments are stuck')
      const question = { verb: 'request', ...ask, reasonCommitment: reason.commitment }
      const told = await withSession('POST', '/v1/prepare', question as Json)
      if (told?.status !== 200) return told
      const terms = told.body.terms as unknown as Terms
      const about = { grant: ask.grant, termsDigest: digestOf(crypto, terms) }
      const act = person.sign('request', about, { terms }, String(told.body.nonce))
      return person.send({ verb: 'request', act, blobs: [reason] })
    },
  }
  return person
}

/** A text, closed over by a commitment. */
export function textOf(dice: Dice, text: string): Text {
  const salt = dice.bytes(32)
  const commitment = commit(crypto, salt, new TextEncoder().encode(text))
  return { commitment, salt: base64url.encode(salt), text }
}

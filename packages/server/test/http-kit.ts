/**
 * A real control plane for tests: initialised by the ceremony, listening on a free port, spoken to over HTTP by
 * people who hold their own keys.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ActBody, Digest, Envelope, GrantId, Json, Terms, Verb } from '@halligan/core'
import {
  addSignature,
  base64url,
  digestOf,
  payloadTypes,
  type Signer,
  sealEnvelope,
} from '@halligan/ledger'
import { nodeCrypto } from '@halligan/ledger/node'
import { readConfig, type Settings } from '../src/config.ts'
import { createLog } from '../src/http/log.ts'
import { initFounders, initGenesis } from '../src/init.ts'
import { type Running, run } from '../src/run.ts'
import { blobOf, exampleFiles, newGrant, signerOf } from './estate-kit.ts'

export { blobOf, newGrant, signerOf } from './estate-kit.ts'

const bundleFolder = new URL('../../cli/example/bundle/', import.meta.url).pathname
export const logOrigin = 'example.halligan/log'

const pubOf = (name: string) => base64url.encode(signerOf(name).publicKey)

const human = (name: string) => ({ person: name, kind: 'human', keys: [pubOf(name)] })

export const founders = {
  estate: 'example',
  threshold: 2,
  trustees: ['bob', 'cy', 'dee'].map((person) => ({ person, pub: pubOf(person) })),
  people: [
    ...['ada', 'bob', 'cy', 'dee', 'mallory'].map(human),
    { person: 'robo', kind: 'agent', owner: 'ada', keys: [pubOf('robo')] },
  ],
  approverGroups: { 'payments-leads': ['bob', 'cy'] },
  enforcers: [{ id: 'enf-payments', pub: pubOf('enf-payments'), targets: ['payments-pg'] }],
}

export type BundleEdit = (file: string, text: string) => string

/** The ceremony over a fresh folder. Returns the folder of the data and the roster's digest. */
export async function initialised(edit: BundleEdit = (_, text) => text): Promise<{
  root: string
  dir: string
  digest: Digest
}> {
  const root = mkdtempSync(join(tmpdir(), 'halligan-http-'))
  const dir = join(root, 'data')
  const told = join(root, 'founders.json')
  writeFileSync(told, JSON.stringify(founders))
  const unsigned = JSON.parse(readFileSync(initFounders(dir, told), 'utf8')) as Envelope
  const signed = addSignature(addSignature(unsigned, signerOf('bob')), signerOf('cy'))
  const genesis = join(root, 'signed.json')
  writeFileSync(genesis, JSON.stringify(signed))
  const anchor = `${dir}.anchor`
  const digest = await initGenesis({ dir, anchor, genesis, bundle: bundleIn(root, edit) })
  return { root, dir, digest: digest as Digest }
}

function bundleIn(root: string, edit: BundleEdit): string {
  const folder = join(root, 'bundle')
  cpSync(bundleFolder, folder, { recursive: true })
  for (const [file, text] of Object.entries(exampleFiles))
    writeFileSync(join(folder, file), edit(file, text))
  return folder
}

export type TestServer = Readonly<{
  url: string
  dir: string
  digest: Digest
  inside: Running['inside']
  /** Codes of refusals that were counted and are not summarised yet. */
  counted(): readonly string[]
  /** What the server logged, line by line. */
  lines: readonly string[]
  stop(): Promise<void>
}>

export async function startServer(
  settings: Settings = {},
  edit?: BundleEdit,
): Promise<TestServer> {
  const { root, dir, digest } = await initialised(edit)
  const lines: string[] = []
  const log = createLog('debug', { write: (line: string) => void lines.push(line) })
  const running = await run(readConfig({ dir, port: '0', ...settings }, {}), log)
  return {
    url: running.url,
    dir,
    digest,
    lines,
    inside: running.inside,
    counted: () =>
      running
        .inside()
        .ledger.store.database()
        .prepare('SELECT code FROM refusal_counts')
        .all()
        .map(({ code }) => String(code)),
    async stop() {
      await running.stop()
      rmSync(root, { recursive: true, force: true })
    },
  }
}

type Anything = Readonly<Record<string, unknown>>

/** `T` is the test's claim about the body. */
export type Told<T = Anything> = Readonly<{ status: number; body: T; headers: Headers }>

export async function call<T = Anything>(
  url: string,
  method: string,
  path: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Told<T>> {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined
      ? {}
      : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  const text = await response.text()
  const isJson = response.headers.get('content-type')?.includes('json') === true
  return {
    status: response.status,
    body: isJson ? JSON.parse(text) : text,
    headers: response.headers,
  }
}

/** A bearer for `principal`, from a challenge that its own key signed. */
export async function sessionOf(url: string, principal: string): Promise<string> {
  const key = signerOf(principal.replace(/^enforcer\//, ''))
  const { body } = await call<{ challenge: string }>(url, 'POST', '/v1/session/challenge', {
    principal,
  })
  const session = sessionStatement(principal, key, body.challenge)
  const told = await call<{ token: string }>(url, 'POST', '/v1/session', { session })
  return told.body.token
}

export const sessionStatement = (
  principal: string,
  key: Signer,
  challenge: string,
  lie: Readonly<Record<string, Json>> = {},
): Envelope =>
  sealEnvelope(
    payloadTypes.session,
    {
      type: 'halligan/session/v1',
      estate: 'example',
      origin: logOrigin,
      principal,
      keyId: key.keyId,
      challenge,
      at: Date.now(),
      ...lie,
    },
    key,
  )

export const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

/** One person at a terminal: a key, a session, and the server's address. */
export class Person {
  readonly url: string
  readonly name: string
  readonly token: string

  constructor(url: string, name: string, token: string) {
    this.url = url
    this.name = name
    this.token = token
  }

  static async at(url: string, name: string): Promise<Person> {
    return new Person(url, name, await sessionOf(url, name))
  }

  get<T = Anything>(path: string): Promise<Told<T>> {
    return call<T>(this.url, 'GET', path, undefined, bearer(this.token))
  }

  post<T = Anything>(path: string, body: unknown): Promise<Told<T>> {
    return call<T>(this.url, 'POST', path, body, bearer(this.token))
  }

  /** Signed, and not sent. */
  sign<V extends Verb>(
    verb: V,
    body: ActBody[V],
    nonce: string,
    about: Readonly<{ grant?: GrantId; termsDigest?: Digest }> = {},
    lie: Readonly<Record<string, Json>> = {},
  ): Envelope {
    const key = signerOf(this.name)
    const { name: by } = this
    const act = {
      type: 'halligan/act/v1',
      estate: 'example',
      verb,
      ...about,
      by,
      keyId: key.keyId,
      nonce,
      at: Date.now(),
      body,
      ...lie,
    }
    return sealEnvelope(payloadTypes.act, act as unknown as Json, key)
  }

  /** Prepares, signs and sends. */
  async act<V extends Verb>(
    verb: V,
    body: ActBody[V],
    about: Readonly<{ grant?: GrantId; termsDigest?: Digest }> = {},
    rest: Readonly<Record<string, unknown>> = {},
  ): Promise<Told> {
    const prepared = await this.post<{ nonce: string }>('/v1/prepare', { verb, ...about })
    if (prepared.status !== 200) return { ...prepared, body: { ...prepared.body } }
    const act = this.sign(verb, body, prepared.body.nonce, about)
    return await call(this.url, 'POST', `/v1/acts/${verb}`, { act, blobs: [], ...rest })
  }
}

export const termsDigestOf = (terms: Terms): Digest =>
  digestOf(nodeCrypto, terms as unknown as Json)

const sealTo = {
  kty: 'OKP',
  crv: 'X25519',
  x: base64url.encode(new Uint8Array(32).fill(9)),
} as const

/** A grant that ada asked for, bob approved and ada activated, in an incident of its own. */
export async function activeGrant(ada: Person, bob: Person) {
  const grant = newGrant()
  const incident = `inc-${grant.slice(2)}`
  const [title, reason] = [blobOf('payments are down'), blobOf('stuck payouts')]
  const opened = { incident, severity: 1, systems: ['payments-db'] }
  const titled = { ...opened, titleCommitment: title.commitment }
  await ada.act('open_incident', titled, {}, { blobs: [title] })
  const prepared = await ada.post<{ nonce: string; terms: Terms }>('/v1/prepare', {
    verb: 'request',
    grant,
    entitlement: 'payments-db-repair',
    incident,
    route: 'quorum',
    lifeSeconds: 600,
    reasonCommitment: reason.commitment,
  })
  const { terms, nonce } = prepared.body
  const about = { grant, termsDigest: termsDigestOf(terms) }
  const act = ada.sign('request', { terms }, nonce, about)
  await call(ada.url, 'POST', '/v1/acts/request', { act, blobs: [reason] })
  await bob.act('approve', {}, about)
  const activated = await ada.act('activate', { sealTo }, about)
  if (activated.status !== 200) throw new Error(JSON.stringify(activated.body))
  return about
}

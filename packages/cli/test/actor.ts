import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type {
  ActBody,
  Digest,
  GrantId,
  Instant,
  PrincipalId,
  Result,
  Verb,
} from '@halligan/core'
import { base64url, commit, digestOf } from '@halligan/ledger'
import { nodeCrypto, signerFromSeed } from '@halligan/ledger/node'
import {
  type Accepted,
  type Client,
  type ClientRefusal,
  createClient,
  deviceKey,
  type PrivateSealKey,
  type Text,
  type Trust,
} from '@halligan/sdk'
import { type Login, loginOf } from '../src/drill/database.ts'
import { target } from '../src/example/enforcer.ts'
import { system } from '../src/example/estate.ts'
import type { Person } from '../src/example/people.ts'
import { newGrantId } from '../src/grant-id.ts'
import { Home } from '../src/home.ts'
import { readKeyFile } from '../src/key-file.ts'
import { newSealKey, publicPart } from '../src/seal-key.ts'

export type About = Readonly<{ grant: GrantId; termsDigest: Digest }>
export type Told = Result<Accepted, ClientRefusal>

/** One person with an open key, who repeats the very same act until somebody answers it. */
export class Actor {
  readonly client: Client
  readonly name: string
  readonly server: string
  /** Every entry that was acknowledged to this person. */
  readonly acknowledged: { index: number; id: Digest }[] = []

  private constructor(name: string, client: Client, server: string) {
    this.name = name
    this.client = client
    this.server = server
  }

  static async of(
    { name, home: folder, passphraseFile }: Person,
    server: string,
  ): Promise<Actor> {
    const home = new Home(folder)
    const seed = await readKeyFile(
      home.keyFile,
      readFileSync(passphraseFile, 'utf8').trim(),
    )
    if (!seed.ok) throw new Error(seed.error.code)
    const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'))
    let trust: Trust = {
      estate: config.estate,
      rosterDigest: config.rosterDigest,
      rosters: [],
      checkpoint: null,
    }
    const client = createClient({
      server,
      fetch: (input, init) =>
        fetch(input, { ...init, signal: init?.signal ?? AbortSignal.timeout(10_000) }),
      crypto: nodeCrypto,
      now: () => Date.now() as Instant,
      trust: {
        load: async () => trust,
        keep: async (next) => {
          trust = next
        },
      },
      authenticator: deviceKey(name as PrincipalId, signerFromSeed(seed.value)),
    })
    return new Actor(name, client, server)
  }

  /** Prepared once, signed once, and sent until it is acknowledged or refused for good. */
  async act<V extends Verb>(
    verb: V,
    body: ActBody[V],
    about: Partial<About> = {},
    blobs: readonly Text[] = [],
  ): Promise<Told> {
    const prepared = await patiently(() => this.client.prepare({ verb, ...about } as never))
    if (!prepared.ok) return prepared
    return this.send(verb, body, about, prepared.value.nonce, blobs)
  }

  async send<V extends Verb>(
    verb: V,
    body: ActBody[V],
    about: Partial<About>,
    nonce: string,
    blobs: readonly Text[] = [],
  ): Promise<Told> {
    const act = await this.client.draft({ verb, body, nonce, ...about })
    const told = await patiently(() => this.client.submit(act, { blobs }))
    if (told.ok)
      this.acknowledged.push(...(told.value.entries as { index: number; id: Digest }[]))
    return told
  }

  /** One try, whatever comes of it. */
  async once<V extends Verb>(
    verb: V,
    body: ActBody[V],
    about: Partial<About>,
  ): Promise<Told> {
    const prepared = await this.client.prepare({ verb, ...about } as never)
    if (!prepared.ok) return prepared
    const { nonce } = prepared.value
    return this.client.submit(await this.client.draft({ verb, body, nonce, ...about }))
  }

  async mustAct<V extends Verb>(
    verb: V,
    body: ActBody[V],
    about: Partial<About> = {},
    blobs: readonly Text[] = [],
  ): Promise<Accepted> {
    return must(await this.act(verb, body, about, blobs))
  }

  async openIncident(): Promise<string> {
    const incident = `drill-${randomBytes(6).toString('hex')}`
    const title = textOf('DRILL: rough weather')
    const body = {
      incident,
      severity: 1,
      systems: [system],
      titleCommitment: title.commitment,
    }
    await this.mustAct('open_incident', body as ActBody['open_incident'], {}, [title])
    return incident
  }

  async ask(
    incident: string,
    lifeSeconds: number,
    entitlement = 'payments-db-repair',
  ): Promise<About> {
    const reason = textOf('DRILL')
    const grant = newGrantId(randomBytes(16))
    const prepared = must(
      await patiently(() =>
        this.client.prepareRequest({
          grant,
          entitlement,
          route: 'quorum',
          lifeSeconds,
          incident,
          reasonCommitment: reason.commitment,
        }),
      ),
    )
    const { terms, nonce } = prepared
    const about = { grant, termsDigest: digestOf(nodeCrypto, terms) }
    must(await this.send('request', { terms }, about, nonce, [reason]))
    return about
  }

  async activate(about: About): Promise<PrivateSealKey> {
    const key = await newSealKey()
    await this.mustAct('activate', { sealTo: publicPart(key) }, about)
    return key
  }

  async grant(id: GrantId) {
    return must(await patiently(() => this.client.grant(id))).grant
  }

  /** Null as long as there is none to open. */
  async credential(id: GrantId, key: PrivateSealKey): Promise<Login | null> {
    const read = await this.client.grant(id)
    if (!read.ok) return null
    const opened = await this.client.openCredential(read.value, target, key)
    return opened.ok ? loginOf(opened.value.credential) : null
  }
}

export function textOf(text: string): Text {
  const salt = randomBytes(32)
  const commitment = commit(nodeCrypto, salt, new TextEncoder().encode(text))
  return { commitment, salt: base64url.encode(salt), text }
}

/** Repeats what got no answer, or the answer that nobody knows yet. */
export async function patiently<T>(
  ask: () => Promise<Result<T, ClientRefusal>>,
  millis = 25_000,
): Promise<Result<T, ClientRefusal>> {
  const late = performance.now() + millis
  for (;;) {
    const told = await ask()
    if (told.ok || performance.now() > late || !isPassing(told.error)) return told
    await pause(100)
  }
}

const isPassing = (refusal: ClientRefusal): boolean =>
  refusal.kind === 'unreachable' ||
  ('status' in refusal && [429, 503].includes(refusal.status))

export function must<T>(told: Result<T, ClientRefusal>): T {
  if (!told.ok) throw new Error(JSON.stringify(told.error))
  return told.value
}

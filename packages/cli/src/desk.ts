import { readFile } from 'node:fs/promises'
import {
  type Act,
  type ActBody,
  type Digest,
  type GrantId,
  ok,
  parseGrantId,
  type Result,
  type Terms,
  type Verb,
} from '@halligan/core'
import { base64url, commit } from '@halligan/ledger'
import { nodeCrypto, signerFromSeed } from '@halligan/ledger/node'
import {
  type Accepted,
  type Client,
  createClient,
  deviceKey,
  type ReadGrant,
  type Text,
} from '@halligan/sdk'
import type { Common } from './command.ts'
import { statementText, type Texts } from './display/statement.ts'
import { Home, type Joined } from './home.ts'
import { readKeyFile, writePrivately } from './key-file.ts'
import { adoptNextKey } from './key-rotation.ts'
import type { Machine } from './machine.ts'
import { passphrase } from './passphrase.ts'
import { type CliRefusal, keyRefusal, usage } from './refusal.ts'

/** A person at work: their directory, their key and a client that checks what it is told. */
export type Desk = Readonly<{
  machine: Machine
  home: Home
  joined: Joined
  client: Client
  passphrase: string
}>

/** Opens the person's key. Every command that speaks to the server starts here. */
export async function openDesk(machine: Machine): Promise<Result<Desk, CliRefusal>> {
  const home = Home.of(machine.env)
  const joined = await home.joined()
  if (!joined.ok) return joined
  const phrase = await passphrase(machine)
  if (!phrase.ok) return phrase
  await adoptNextKey(machine, home, joined.value, phrase.value)
  const seed = await readKeyFile(home.keyFile, phrase.value)
  if (!seed.ok) return { ok: false, error: keyRefusal(seed.error) }
  const { principal, server } = joined.value
  const client = createClient({
    server,
    fetch: machine.fetch,
    crypto: nodeCrypto,
    now: machine.now,
    trust: home.trust(joined.value),
    authenticator: deviceKey(principal, signerFromSeed(seed.value)),
  })
  return ok({ machine, home, joined: joined.value, client, passphrase: phrase.value })
}

/** A text under a fresh salt, and the commitment that stands for it. */
export function newText(machine: Machine, text: string): Text {
  const salt = machine.random(32)
  const commitment = commit(nodeCrypto, salt, new TextEncoder().encode(text))
  return { commitment, salt: base64url.encode(salt), text }
}

export type ToSign<V extends Verb> = Readonly<{
  verb: V
  body: ActBody[V]
  grant?: GrantId
  termsDigest?: Digest
  nonce: string
  /** Shown whole beneath the act. */
  terms?: Terms
  /** Texts that are known already, beside those that go with this act. */
  texts?: Texts
  blobs?: readonly Text[]
  bundle?: Readonly<Record<string, string>>
}>

/** Shows the statement whole, asks, signs that one statement and brings it to the server. */
export async function sign<V extends Verb>(
  { client, machine }: Desk,
  of: ToSign<V>,
  { yes }: Common,
): Promise<Result<Accepted, CliRefusal>> {
  const { blobs = [], bundle } = of
  const act = await client.draft(of)
  const texts = new Map([
    ...(of.texts ?? []),
    ...blobs.map(({ commitment, text }) => [commitment, text] as const),
  ])
  const agreed = await agree(machine, act, of.terms ?? null, texts, yes === true)
  if (!agreed.ok) return agreed
  return client.submit(act, bundle === undefined ? { blobs } : { blobs, bundle })
}

/**
 * Shows and signs an end, and writes it to `file` for `halligan enforcer end --act`. Needs no server; the nonce says so and
 * proves nothing, because replaying an end can only end again.
 */
export async function signOffline(
  { client, machine }: Desk,
  of: Readonly<{ verb: 'revoke' | 'return'; grant: GrantId; file: string }>,
  { yes }: Common,
): Promise<Result<string, CliRefusal>> {
  const { verb, grant, file } = of
  const act = await client.draft({ verb, grant, nonce: 'offline', body: {} })
  const agreed = await agree(machine, act, null, new Map(), yes === true)
  if (!agreed.ok) return agreed
  await writePrivately(file, `${JSON.stringify(await client.seal(act), null, 2)}\n`)
  return ok(file)
}

async function agree(
  { terminal }: Machine,
  act: Act,
  terms: Terms | null,
  texts: Texts,
  yes: boolean,
): Promise<Result<null, CliRefusal>> {
  terminal.say(statementText(act, terms, texts))
  if (yes) return ok(null)
  if (!terminal.interactive)
    return usage(
      'not_confirmed',
      'nobody is here to confirm this',
      'read it above, then repeat the command with --yes',
    )
  if (await terminal.confirm(`Sign this ${act.verb}?`)) return ok(null)
  const detail = 'nothing was signed'
  return { ok: false, error: { kind: 'cancelled', code: 'cancelled', detail, next: '' } }
}

/** The grant that the command line names, read and proven. */
export async function namedGrant(
  desk: Desk,
  text: string | undefined,
): Promise<Result<ReadGrant, CliRefusal>> {
  const id = parseGrantId(text ?? '')
  if (!id.ok)
    return usage('malformed_grant', `${text} is not a grant id`, 'halligan status')
  return desk.client.grant(id.value)
}

/** One act on one grant, bound to the terms that were read. */
export async function signOnGrant<V extends Verb>(
  desk: Desk,
  read: ReadGrant,
  of: Readonly<{ verb: V; body: ActBody[V]; blobs?: readonly Text[] }>,
  common: Common,
): Promise<Result<Accepted, CliRefusal>> {
  const { id: grant, termsDigest, terms } = read.grant
  const bound = { verb: of.verb, grant, termsDigest }
  const prepared = await desk.client.prepare(bound)
  if (!prepared.ok) return prepared
  const { nonce } = prepared.value
  return sign(desk, { ...of, ...bound, nonce, terms, texts: read.texts }, common)
}

/** A reason or note from the option, or from the file that `@FILE` names. */
export const textOption = async (given: string): Promise<string> =>
  given.startsWith('@') ? readFile(given.slice(1), 'utf8') : given

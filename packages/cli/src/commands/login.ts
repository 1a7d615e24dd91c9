import { writeFile } from 'node:fs/promises'
import {
  type Digest,
  ok,
  type PrincipalId,
  parsePrincipalId,
  type Result,
} from '@halligan/core'
import {
  base64url,
  digestOfBytes,
  isDigest,
  type Signer,
  verifyRosterChain,
} from '@halligan/ledger'
import { generateSigner, nodeCrypto } from '@halligan/ledger/node'
import { createTransport, deceived } from '@halligan/sdk'
import { Command } from 'commander'
import { act, type Common, type Outcome, type Run, shown } from '../command.ts'
import { openDesk, sign } from '../desk.ts'
import { Home } from '../home.ts'
import { readKeyFile, writeKeyFile } from '../key-file.ts'
import type { Machine } from '../machine.ts'
import { passphrase } from '../passphrase.ts'
import { type CliRefusal, keyRefusal, usage } from '../refusal.ts'

type Options = Readonly<{
  server?: string
  trust?: string
  principal?: string
  code?: string
  newKey?: string
  rotate?: boolean
}> &
  Common

export const loginCommand = (run: Run): Command =>
  new Command('login')
    .description('make your key, join an estate, or rotate the key')
    .option('--principal <id>', 'who you are, e.g. ada')
    .option(
      '--new-key <file>',
      'make a key and write its public part to FILE (for founders)',
    )
    .option('--server <url>', 'the control plane')
    .option('--trust <digest>', 'the roster digest, from the people who run Halligan')
    .option('--code <code>', 'a single-use invitation; makes a key and proposes it')
    .option(
      '--rotate',
      'make a new key and propose it; the old one works until a roster drops it',
    )
    .action(act<Options>(run, (options) => login(run.machine, options)))

async function login(machine: Machine, options: Options): Promise<Outcome> {
  const home = Home.of(machine.env)
  if (options.rotate === true) return rotate(machine, home, options)
  if (options.newKey !== undefined)
    return founderKey(machine, home, options.newKey, options)
  if (options.code !== undefined) return redeem(machine, home, options.code, options)
  return join(machine, home, options)
}

/** A founder's key, before there is any estate. The genesis roster will name its public part. */
async function founderKey(
  machine: Machine,
  home: Home,
  file: string,
  { principal }: Options,
): Promise<Outcome> {
  const made = await makeKey(machine, home, home.keyFile, principal)
  if (!made.ok) return made
  const { id, signer } = made.value
  const pub = base64url.encode(signer.publicKey)
  const record = { person: id, keyId: signer.keyId, alg: 'ed25519', pub }
  await writeFile(file, `${JSON.stringify(record, null, 2)}\n`)
  return shown(
    record,
    signer.keyId,
    `Your key is in ${home.keyFile}; its public part in ${file}.`,
  )
}

/** Pins the estate's roster and says who the roster says this key is. */
async function join(machine: Machine, home: Home, options: Options): Promise<Outcome> {
  const config = await home.config()
  if (config === null)
    return usage(
      'no_key',
      `${home.folder} holds no key`,
      'halligan login --principal YOU --server URL --trust DIGEST --code CODE',
    )
  const estate = await pinned(machine, options)
  if (!estate.ok) return estate
  await home.saveConfig({ ...config, ...estate.value })
  const desk = await openDesk(machine)
  if (!desk.ok) return desk
  const status = await desk.value.client.call('status')
  if (!status.ok) return status
  const { principal } = config
  return shown(
    { principal, ...estate.value },
    principal,
    `You are ${principal} in ${estate.value.estate}. Next: halligan check`,
  )
}

async function redeem(
  machine: Machine,
  home: Home,
  code: string,
  options: Options,
): Promise<Outcome> {
  const estate = await pinned(machine, options)
  if (!estate.ok) return estate
  const made = await makeKey(machine, home, home.keyFile, options.principal)
  if (!made.ok) return made
  await home.saveConfig({
    principal: made.value.id,
    keyId: made.value.signer.keyId,
    ...estate.value,
  })
  return propose(machine, estate.value.server, code, made.value)
}

async function propose(
  machine: Machine,
  server: string,
  code: string,
  { id, signer }: Made,
): Promise<Outcome> {
  const pub = base64url.encode(signer.publicKey)
  const answer = await createTransport(server, machine.fetch).call('redeem', {
    body: { code, principal: id, pub },
  })
  if (!answer.ok) return answer
  const { keyId } = signer
  return shown(
    { principal: id, keyId },
    keyId,
    `Your key is proposed. It counts once a roster holds it.\nNext, a trustee, having compared ${keyId} with you: halligan roster propose --accept ${id}=${keyId} --out roster.json`,
  )
}

/** The old key signs the invitation for its own successor. */
async function rotate(machine: Machine, home: Home, options: Options): Promise<Outcome> {
  const desk = await openDesk(machine)
  if (!desk.ok) return desk
  const { client, joined } = desk.value
  const code = base64url.encode(machine.random(24))
  const prepared = await client.prepare({ verb: 'invite' })
  if (!prepared.ok) return prepared
  const rosters = await client.rosters()
  if (!rosters.ok) return rosters
  const { kind = 'human', owner = null } =
    rosters.value.latest.people.find(({ person }) => person === joined.principal) ?? {}
  const codeDigest = digestOfBytes(nodeCrypto, new TextEncoder().encode(code))
  const body = { person: joined.principal, kind, owner, codeDigest }
  const { nonce } = prepared.value
  const invited = await sign(desk.value, { verb: 'invite', nonce, body }, options)
  if (!invited.ok) return invited
  const { seed, signer } = generateSigner()
  await writeKeyFile(home.nextKeyFile, seed, desk.value.passphrase)
  const proposed = await propose(machine, joined.server, code, {
    id: joined.principal,
    signer,
  })
  const old = `The old key, ${joined.keyId}, works until a roster drops it. Once the new one has cooled down: halligan roster propose --drop-key ${joined.keyId} --out roster.json`
  return proposed.ok
    ? ok({ ...proposed.value, words: `${proposed.value.words}\n${old}` })
    : proposed
}

type Made = Readonly<{ id: PrincipalId; signer: Signer }>

async function makeKey(
  machine: Machine,
  home: Home,
  path: string,
  name: string | undefined,
): Promise<Result<Made, CliRefusal>> {
  const id = parsePrincipalId(name ?? '')
  if (!id.ok)
    return usage('malformed_id', 'say who you are: --principal', id.error.expected)
  const held = await readKeyFile(path, '')
  if (held.ok || held.error.code !== 'key_file_missing')
    return held.ok || held.error.code === 'wrong_passphrase'
      ? usage('key_exists', `${path} holds a key already`, 'halligan login --rotate')
      : { ok: false, error: keyRefusal(held.error) }
  const phrase = await passphrase(machine, 'choose')
  if (!phrase.ok) return phrase
  const { seed, signer } = generateSigner()
  await home.make()
  await writeKeyFile(path, seed, phrase.value)
  await home.saveConfig({ principal: id.value, keyId: signer.keyId })
  return ok({ id: id.value, signer })
}

type Pinned = Readonly<{ server: string; estate: string; rosterDigest: Digest }>

/** Whatever the server says must lead back to the digest that the person was given by people. */
async function pinned(
  machine: Machine,
  { server, trust }: Options,
): Promise<Result<Pinned, CliRefusal>> {
  if (server === undefined || !URL.canParse(server))
    return usage('no_server', 'say where the control plane is', '--server URL')
  if (trust === undefined || !isDigest(trust))
    return usage(
      'no_trust',
      'a roster digest is needed, from the people and not from the server',
      '--trust sha256:…',
    )
  const answer = await createTransport(server, machine.fetch).call('rosters')
  if (!answer.ok) return answer
  const chain = verifyRosterChain(nodeCrypto, answer.value.rosters, { digest: trust })
  const latest = chain.ok ? chain.value.rosters.at(-1) : undefined
  if (!chain.ok || latest === undefined)
    return deceived(
      'roster_untrusted',
      chain.ok ? 'the roster chain is empty' : `${chain.error.code}: ${chain.error.reason}`,
    )
  return ok({ server, estate: latest.estate, rosterDigest: trust })
}

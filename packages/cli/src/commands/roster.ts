import { readFile, writeFile } from 'node:fs/promises'
import {
  type Envelope,
  type Instant,
  type Json,
  ok,
  type Result,
  type Roster,
  type RosterEnforcer,
} from '@halligan/core'
import {
  addSignature,
  isEnvelope,
  openCheckpoint,
  parseStrict,
  payloadTypes,
  readRoster,
  rosterDigest,
  sealEnvelope,
} from '@halligan/ledger'
import { nodeCrypto, signerFromSeed } from '@halligan/ledger/node'
import type { Head } from '@halligan/sdk'
import { Command } from 'commander'
import { act, type Common, type Outcome, type Run, shown } from '../command.ts'
import { openDesk } from '../desk.ts'
import { counted } from '../display/counted.ts'
import { rosterText } from '../display/roster.ts'
import { visible } from '../display/visible.ts'
import { Home } from '../home.ts'
import { readKeyFile } from '../key-file.ts'
import { parseLife } from '../life.ts'
import type { Machine } from '../machine.ts'
import { passphrase } from '../passphrase.ts'
import { type CliRefusal, failed, keyRefusal, usage } from '../refusal.ts'
import { type Change, nextRoster, type Proposal, replaceable } from '../roster-change.ts'

type Proposing = Readonly<{
  out: string
  accept?: readonly string[]
  dropKey?: readonly string[]
  enforcer?: readonly string[]
  coolDown: string
  closeLog?: string
  set?: string
}> &
  Common

export const rosterCommand = (run: Run): Command =>
  new Command('roster')
    .description('whose key is whose: the only root of trust')
    .addCommand(
      new Command('show')
        .description('the roster in force, proven from the digest you pinned')
        .action(act<Common>(run, () => show(run.machine))),
    )
    .addCommand(
      new Command('propose')
        .description('write the next version, for trustees to sign')
        .requiredOption('--out <file>', 'where to write it')
        .option(
          '--accept <principal...>',
          'take in the key that this one proposed; PRINCIPAL=KEYID if several',
        )
        .option('--drop-key <keyid...>', 'take out these keys')
        .option('--enforcer <file...>', 'put in an enforcer, from its public file')
        .option(
          '--set <file>',
          'replace trustees, threshold, issuers, people, approverGroups or enforcers by those of this JSON file',
        )
        .option('--close-log <file>', 'leave SAFE MODE: close the log at this checkpoint')
        .option('--cool-down <time>', 'before a new key may approve', '24h')
        .action(act<Proposing>(run, (options) => propose(run.machine, options))),
    )
    .addCommand(
      new Command('sign')
        .description('sign a roster as trustee; works before any server runs')
        .argument('<file>', 'the roster')
        .action(
          act<Common>(run, (options, [file = '']) => sign(run.machine, file, options)),
        ),
    )
    .addCommand(
      new Command('apply')
        .description('bring a roster with enough signatures to the server')
        .argument('<file>', 'the roster')
        .action(act<Common>(run, (_, [file = '']) => apply(run.machine, file))),
    )

async function show(machine: Machine): Promise<Outcome> {
  const desk = await openDesk(machine)
  if (!desk.ok) return desk
  const rosters = await desk.value.client.rosters()
  if (!rosters.ok) return rosters
  const { latest, digest } = rosters.value
  return shown({ digest, roster: latest }, rosterText(latest), digest)
}

async function propose(machine: Machine, options: Proposing): Promise<Outcome> {
  const coolDownSeconds = parseLife(options.coolDown)
  if (coolDownSeconds === null)
    return usage(
      'malformed_life',
      `${options.coolDown} is not a time`,
      'use 90s, 15m or 24h',
    )
  const desk = await openDesk(machine)
  if (!desk.ok) return desk
  const { client } = desk.value
  const rosters = await client.rosters()
  if (!rosters.ok) return rosters
  const proposed = await client.call('key_proposals')
  if (!proposed.ok) return proposed
  const closeLogAt = await closingCheckpoint(options.closeLog, rosters.value.latest)
  if (!closeLogAt.ok) return closeLogAt
  const replace = options.set === undefined ? ok({}) : await readReplacement(options.set)
  if (!replace.ok) return replace
  const change: Change = {
    replace: replace.value,
    closeLogAt: closeLogAt.value,
    proposals: proposed.value.proposals as readonly Proposal[],
    accept: options.accept ?? [],
    dropKeys: options.dropKey ?? [],
    enforcers: await Promise.all((options.enforcer ?? []).map(readPublicFile)),
    approvesFrom: (machine.now() + coolDownSeconds * 1000) as Instant,
  }
  const next = nextRoster(rosters.value.latest, rosters.value.digest, change)
  if (!next.ok) return next
  const envelope = sealEnvelope(payloadTypes.roster, next.value as unknown as Json)
  const sound = readRoster(nodeCrypto, envelope)
  if (!sound.ok) return malformed(sound.error.reason)
  await writeRoster(options.out, envelope)
  return shown(
    { file: options.out, version: next.value.version },
    rosterText(next.value),
    `Unsigned, in ${options.out}. Compare every key with its holder. Next, each trustee: halligan roster sign ${options.out}`,
  )
}

/** Signed by the log itself: trustees must not cut it at what somebody merely wrote down. */
async function closingCheckpoint(
  file: string | undefined,
  { logs }: Roster,
): Promise<Result<Head | null, CliRefusal>> {
  if (file === undefined) return ok(null)
  const opened = openCheckpoint(nodeCrypto, await readFile(file, 'utf8'), logs)
  return opened.ok ? opened : failed('bad_checkpoint', visible(opened.error.reason))
}

async function readReplacement(
  file: string,
): Promise<Result<Change['replace'], CliRefusal>> {
  const parsed = parseStrict(await readFile(file))
  if (!parsed.ok) return malformed(`${file}: ${parsed.error.reason}`)
  const members = Object.keys(parsed.value ?? {})
  const stranger = members.find((name) => !replaceable.some((known) => known === name))
  return stranger === undefined
    ? ok(parsed.value as Change['replace'])
    : malformed(`${file}: ${visible(stranger)} is not one of ${replaceable.join(', ')}`)
}

const malformed = (reason: string) =>
  usage('malformed_roster', reason, 'halligan roster show --json')

/** What `halligan enforcer enroll` prints, which says more than a roster takes. */
async function readPublicFile(path: string): Promise<RosterEnforcer> {
  const { id, key, keyId, targets } = JSON.parse(await readFile(path, 'utf8'))
  return { id, key, keyId, targets }
}

/** Needs a key and nothing else: the genesis ceremony comes before any estate. */
async function sign(machine: Machine, file: string, { yes }: Common): Promise<Outcome> {
  const read = await readRosterFile(file)
  if (!read.ok) return read
  const { envelope, roster } = read.value
  const home = Home.of(machine.env)
  const phrase = await passphrase(machine)
  if (!phrase.ok) return phrase
  const seed = await readKeyFile(home.keyFile, phrase.value)
  if (!seed.ok) return { ok: false, error: keyRefusal(seed.error) }
  const signer = signerFromSeed(seed.value)
  machine.terminal.say(`You are about to sign this roster:\n${rosterText(roster)}`)
  if (!roster.trustees.some(({ keyId }) => keyId === signer.keyId))
    machine.terminal.say(
      `Your key ${signer.keyId} is no trustee's here: it counts only if the version before names it.`,
    )
  if (yes !== true && !machine.terminal.interactive)
    return usage('not_confirmed', 'nobody is here to confirm this', 'repeat with --yes')
  if (yes !== true && !(await machine.terminal.confirm('Sign this roster?')))
    return failed('cancelled', 'nothing was signed')
  const signed = envelope.signatures.some(({ keyid }) => keyid === signer.keyId)
    ? envelope
    : addSignature(envelope, signer)
  await writeRoster(file, signed)
  const digest = rosterDigest(nodeCrypto, signed)
  const { length } = signed.signatures
  const next =
    roster.version === 1
      ? `halligan server init --dir DIR --genesis ${file} --bundle BUNDLE`
      : `halligan roster apply ${file}`
  return shown(
    { digest, signatures: length },
    digest,
    `${counted(length, 'signature')} in ${file}. Next, with enough of them: ${next}`,
  )
}

async function apply(machine: Machine, file: string): Promise<Outcome> {
  const read = await readRosterFile(file)
  if (!read.ok) return read
  const desk = await openDesk(machine)
  if (!desk.ok) return desk
  const body = { roster: read.value.envelope as unknown as Json }
  const answer = await desk.value.client.call('accept_roster', { body })
  if (!answer.ok) return answer
  const { version, rosterDigest: digest } = answer.value
  return shown(answer.value, digest, `Version ${version} is in force.`)
}

async function readRosterFile(file: string) {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  if (text === null) return usage('no_file', `${file} is not there`, '')
  const envelope: unknown = JSON.parse(text)
  if (!isEnvelope(envelope)) return failed('not_a_roster', `${file} is no signed document`)
  const roster = readRoster(nodeCrypto, envelope)
  if (!roster.ok)
    return failed('not_a_roster', `${roster.error.code}: ${visible(roster.error.reason)}`)
  const value: { envelope: Envelope; roster: Roster } = { envelope, roster: roster.value }
  return { ok: true, value } as const
}

const writeRoster = (file: string, envelope: Envelope) =>
  writeFile(file, `${JSON.stringify(envelope, null, 2)}\n`)

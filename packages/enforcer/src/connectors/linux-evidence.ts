/**
 * What the grant's commands printed, as sudo itself recorded it. What was typed is not recorded: it may hold passwords. The
 * records are root's, below `/var/log/sudo-io/halligan`, one folder per grant.
 *
 * @module
 */
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { type GrantId, type Instant, parseGrantId } from '@halligan/core'
import { isRecord } from '../strict-fields.ts'
import { visibly } from './evidence-line.ts'
import { isMissing, type LinuxHost, readHostFile, run } from './linux-host.ts'
import { logFolderOf, type Rule } from './linux-sudoers.ts'
import type { Held, SessionEvidence } from './port.ts'

/** Stands beside the records, so that they can be read once nothing else is remembered of the grant. */
type Life = Readonly<{
  account: string
  from: Instant
  until: Instant | null
  /** False where a profile does not record, or could change the record. */
  whole: boolean
}>

const lifeFile = (grant: GrantId) => `${logFolderOf(grant)}/life.json`
const mostCharacters = 256 * 1024
const mostSessions = 500
const millisToReplayAll = 15_000

export function beginEvidence(host: LinuxHost, rule: Rule): void {
  const { grant, account, profiles, now } = rule
  const folder = host.root() + logFolderOf(grant)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  for (const one of [dirname(folder), folder]) chmodSync(one, 0o700)
  const whole = profiles.every(({ log, unendable }) => log && !unendable)
  const from = lifeOf(host, grant)?.from ?? now
  keepLife(host, grant, { account, from, until: null, whole })
}

/** The first ending says until when; nothing was begun: nothing is ended. */
export function endEvidence(host: LinuxHost, grant: GrantId, now: Instant): void {
  const life = lifeOf(host, grant)
  if (life !== null && life.until === null) keepLife(host, grant, { ...life, until: now })
}

function keepLife(host: LinuxHost, grant: GrantId, life: Life): void {
  const at = host.root() + lifeFile(grant)
  writeFileSync(`${at}.new`, JSON.stringify(life), { mode: 0o600 })
  renameSync(`${at}.new`, at)
}

function lifeOf(host: LinuxHost, grant: GrantId): Life | null {
  const text = readHostFile(host, lifeFile(grant))
  const life: unknown = text === null ? null : parsed(text)
  // Written by `keepLife` alone; whoever can change it is root, and then it is for the persistence diff.
  return isRecord(life) ? (life as Life) : null
}

/**
 * All commands of the account while the grant stood, whichever grant's folder sudo wrote them to: of two at once, sudo
 * takes the one whose rule it reads last. Null where the grant recorded nothing.
 */
export async function evidenceOf(
  host: LinuxHost,
  grant: GrantId,
): Promise<SessionEvidence | null> {
  const life = lifeOf(host, grant)
  if (life === null) return unlessNothing(host, grant)
  const sessions = grantsWithRecords(host)
    .filter((other) => lifeOf(host, other)?.account === life.account)
    .flatMap((other) => sessionsIn(host, other))
    .filter(({ at }) => at === null || (at >= life.from - 1000 && at <= (life.until ?? at)))
    .toSorted((a, b) => (a.at ?? 0) - (b.at ?? 0))
  const deadline = performance.now() + millisToReplayAll
  let [text, complete] = ['', life.whole && sessions.length <= mostSessions]
  for (const session of sessions.slice(0, mostSessions)) {
    if (text.length > mostCharacters || performance.now() > deadline) {
      complete = false
      break
    }
    const replayed = await replay(host, session)
    complete &&= replayed !== null && session.command !== null
    text += `${headingOf(session)}\n${indented(replayed ?? '')}\n`
  }
  if (text.length > mostCharacters) complete = false
  return { what: 'sudo_output', text: text.slice(0, mostCharacters), complete }
}

/** Records are there, and nothing says any more whose they are and from when: they stay where they are. */
const unlessNothing = (host: LinuxHost, grant: GrantId): SessionEvidence | null =>
  readHostFile(host, lifeFile(grant)) === null
    ? null
    : { what: 'sudo_output', text: `see ${logFolderOf(grant)}`, complete: false }

type Session = Readonly<{
  folder: string
  name: string
  /** Null where the record does not say: then it is shown with every grant of the account. */
  at: Instant | null
  command: string | null
}>

const headingOf = ({ at, command }: Session): string =>
  JSON.stringify({ at: at === null ? null : new Date(at).toISOString(), command })

/** So that nothing a command prints passes for a heading. */
const indented = (output: string): string => visibly(output).replace(/^(?=.)/gm, '  ')

const grantsWithRecords = (host: LinuxHost): readonly GrantId[] =>
  namesIn(host, '/var/log/sudo-io/halligan').flatMap((name) => {
    const grant = parseGrantId(name)
    return grant.ok ? [grant.value] : []
  })

/** sudo counts its records in base 36, two digits a folder. */
function sessionsIn(host: LinuxHost, grant: GrantId): readonly Session[] {
  const top = logFolderOf(grant)
  const twoDigits = (folder: string) =>
    namesIn(host, folder).filter((name) => /^[0-9A-Z]{2}$/.test(name))
  return twoDigits(top).flatMap((a) =>
    twoDigits(`${top}/${a}`).flatMap((b) =>
      twoDigits(`${top}/${a}/${b}`).map((c) => sessionAt(host, top, [a, b, c].join('/'))),
    ),
  )
}

function sessionAt(host: LinuxHost, top: string, path: string): Session {
  const name = path.replaceAll('/', '')
  const text = readHostFile(host, `${top}/${path}/log.json`)
  const log: unknown = text === null ? null : parsed(text)
  const at =
    isRecord(log) && isRecord(log.timestamp) ? Number(log.timestamp.seconds) * 1000 : 0
  const argv = isRecord(log) && Array.isArray(log.runargv) ? log.runargv.map(String) : null
  const program = isRecord(log) && typeof log.command === 'string' ? log.command : null
  const dated = Number.isFinite(at) && at > 0
  return {
    folder: top,
    name,
    at: dated ? (at as Instant) : null,
    command:
      dated && argv !== null && program !== null
        ? [program, ...argv.slice(1)].join(' ')
        : null,
  }
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch (error) {
    // Whoever wrote it may have been killed meanwhile.
    if (error instanceof SyntaxError) return null
    throw error
  }
}

/** Null when `sudoreplay` cannot read it whole. It says first what it replays, in a line that it does not end. */
async function replay(
  host: LinuxHost,
  { folder, name, command }: Session,
): Promise<string | null> {
  const asFast = ['-n', '-s', '1000000', '-m', '0']
  const { status, stdout } = await run(host, ['sudoreplay', ...asFast, '-d', folder, name])
  const heading = `Replaying sudo session: ${command}`
  if (status !== 0) return null
  return stdout.startsWith(heading) ? stdout.slice(heading.length) : stdout
}

function namesIn(host: LinuxHost, folder: string): readonly string[] {
  try {
    return readdirSync(host.root() + folder).toSorted()
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
}

/** Records stay while another grant of the account is unfinished, whose review may need them too. */
export function dropEvidence(
  host: LinuxHost,
  grant: GrantId,
  othersOf: (account: string) => readonly Held[],
): void {
  const life = lifeOf(host, grant)
  if (life === null || othersOf(life.account).length > 0) return
  for (const other of grantsWithRecords(host))
    if (lifeOf(host, other)?.account === life.account)
      rmSync(host.root() + logFolderOf(other), { recursive: true, force: true })
}

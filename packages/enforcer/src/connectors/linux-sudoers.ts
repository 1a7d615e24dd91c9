/**
 * One file of `sudoers.d` per grant, named after its deadline and itself: what each grant holds is counted by there being a
 * file. sudo itself ends the rule at the deadline (`NOTAFTER`), whatever becomes of the enforcer. Where two grants allow
 * one command, sudo goes by the rule that it reads last, in the order of the names: that of the grant which lasts longer.
 *
 * @module
 */
import {
  closeSync,
  constants,
  fchmodSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { type GrantId, type Instant, parseGrantId } from '@halligan/core'
import { inSudoers } from './linux-command.ts'
import { type LinuxHost, mustRun, readHostFile, run } from './linux-host.ts'
import type { SudoProfile } from './linux-settings.ts'

const folder = '/etc/sudoers.d'
const prefix = 'halligan-'
/** sudo reads no file whose name has a dot in it. */
const draftSuffix = '.new'

const nameOf = ({ grant, deadline }: Rule): string =>
  `${prefix}${lastSecond(deadline)}-${grant}`

export const logFolderOf = (grant: GrantId): string => `/var/log/sudo-io/halligan/${grant}`

/** Of a file's name; null where it is no grant's. Enforcers of before put no deadline into it. */
export function grantOfFile(name: string): GrantId | null {
  if (!name.startsWith(prefix)) return null
  const grant = parseGrantId(name.slice(prefix.length).replace(/^\d{14}Z-/, ''))
  return grant.ok ? grant.value : null
}

const withoutDraft = (name: string): string =>
  name.endsWith(draftSuffix) ? name.slice(0, -draftSuffix.length) : name

export const isDraft = (name: string): boolean =>
  name !== withoutDraft(name) && grantOfFile(withoutDraft(name)) !== null

export type Rule = Readonly<{
  grant: GrantId
  account: string
  profiles: readonly SudoProfile[]
  deadline: Instant
  /** When it is made: what it starts, sudo itself ends after as long as the grant has left then. */
  now: Instant
}>

/**
 * The whole file. `use_pty` keeps sudo beside what it runs, so that it can be found; `iolog_flush` keeps what was printed
 * before the command was killed.
 */
export function rulesText({ grant, account, profiles, deadline, now }: Rule): string {
  const logs = profiles.some(({ log }) => log)
  const defaults = logs
    ? `use_pty, iolog_flush, iolog_dir=${logFolderOf(grant)}`
    : 'use_pty'
  const rules = profiles.map(({ runAs, commands, noPassword, log }) =>
    [
      `${account} ALL = (${runAs.join(', ')})`,
      `NOTAFTER=${lastSecond(deadline)}`,
      `TIMEOUT=${Math.max(1, Math.ceil((deadline - now) / 1000))}`,
      noPassword ? 'NOPASSWD:' : 'PASSWD:',
      'NOSETENV:',
      ...(log ? ['LOG_OUTPUT:'] : []),
      commands.map(inSudoers).join(', '),
    ].join(' '),
  )
  return `${[`# ${grant}: made and removed by halligan-enforcer.`, `Defaults:${account} ${defaults}`, ...rules].join('\n')}\n`
}

/** sudo lets the whole of this second pass: it is the one before the deadline's. */
export function lastSecond(deadline: Instant): string {
  const second = Math.floor(deadline / 1000) - 1
  return `${new Date(second * 1000).toISOString().replace(/\.\d+Z$/, 'Z')}`.replaceAll(
    /[-:T]/g,
    '',
  )
}

/**
 * Puts the rule beside the live ones under a name that sudo does not read, on disk and found sound by `visudo`. `live`
 * makes it so in one step. Throws, and leaves nothing, when the disk is full or `visudo` refuses the very bytes.
 */
export async function draftRule(
  host: LinuxHost,
  rule: Rule,
): Promise<Readonly<{ live(): void; discard(): void }>> {
  const name = nameOf(rule)
  const draft = `${folder}/${name}${draftSuffix}`
  const at = host.root() + draft
  const discard = () => rmSync(at, { force: true })
  const text = rulesText(rule)
  discard()
  try {
    writeDurably(at, text)
    await mustRun(host, ['visudo', '-c', '-f', draft])
    if (readFileSync(at, 'utf8') !== text) throw new Error(`${draft} was changed meanwhile`)
  } catch (error) {
    discard()
    throw new Error(`the sudo rule of ${rule.grant} was not made`, { cause: error })
  }
  return {
    discard,
    live: () => {
      renameSync(at, `${host.root()}${folder}/${name}`)
      for (const other of liveFilesOf(host, rule.grant))
        if (other !== name) rmSync(`${host.root()}${folder}/${other}`, { force: true })
      syncFolder(host)
    },
  }
}

function writeDurably(at: string, text: string): void {
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants
  const file = openSync(at, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o440)
  try {
    fchmodSync(file, 0o440)
    const bytes = Buffer.from(text)
    if (writeSync(file, bytes) !== bytes.length) throw new Error('not all was written')
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

function syncFolder(host: LinuxHost): void {
  const file = openSync(host.root() + folder, constants.O_RDONLY)
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

export function removeRule(host: LinuxHost, grant: GrantId): void {
  for (const name of ruleFiles(host))
    if (grantOfFile(withoutDraft(name)) === grant)
      rmSync(`${host.root()}${folder}/${name}`, { force: true })
  syncFolder(host)
}

/** Null when there is none; throws when the folder itself cannot be read. Of several, all. */
export function ruleTextOf(host: LinuxHost, grant: GrantId): string | null {
  const texts = liveFilesOf(host, grant).flatMap(
    (name) => readHostFile(host, `${folder}/${name}`) ?? [],
  )
  return texts.length === 0 ? null : texts.join('')
}

const liveFilesOf = (host: LinuxHost, grant: GrantId): readonly string[] =>
  ruleFiles(host).filter((name) => grantOfFile(name) === grant)

/** Names of all files that sudo, or somebody who looks for ours, might take for a rule of ours. */
export const ruleFiles = (host: LinuxHost): readonly string[] =>
  readdirSync(host.root() + folder).filter((name) => name.startsWith(prefix))

/** The account of a rule that stands, for when nothing else is remembered of its grant. */
export const accountInRule = (text: string): string | null =>
  /^Defaults:([a-z_][a-z0-9_-]*) /m.exec(text)?.[1] ?? null

/**
 * What `sudo` says the account may do: the part of its list that stands for rules, without a word on whence they are. Empty
 * when it may do nothing. Throws on any other answer.
 */
export async function listedRules(
  host: LinuxHost,
  account: string,
): Promise<readonly string[]> {
  const listed = await mustRun(host, ['sudo', '-n', '-ll', '-U', account])
  if (/^User \S+ is not allowed to run sudo on \S+\.$/m.test(listed)) return []
  const [, rules] = listed.split(/^User \S+ may run the following commands on \S+:$/m)
  if (rules === undefined)
    throw new Error(`sudo -ll says something else of ${account}: ${JSON.stringify(listed)}`)
  return rules
    .split(/^(?:Sudoers|LDAP|SSSD|)\s*entry:.*$/im)
    .map((rule) => rule.trim())
    .filter((rule) => rule.length > 0)
}

/** Whether `sudo` would let the account do this now. Anything but a plain yes is a no. */
export async function maySudo(
  host: LinuxHost,
  account: string,
  uid: number,
  command: string,
): Promise<boolean> {
  const asWhom = ['-U', account, '-u', `#${uid}`]
  const words = command.split(' ')
  const asked = await run(host, ['sudo', '-n', '-l', ...asWhom, '--', ...words])
  return asked.status === 0 && asked.stdout.trim().length > 0
}

/** The deadline as `sudo -ll` writes it, which no other rule of the account has unless its grant ends in the same second. */
export const listsDeadline = (rules: readonly string[], text: string): boolean => {
  const [, deadline] = /NOTAFTER=(\d{14}Z)/.exec(text) ?? []
  return (
    deadline !== undefined && rules.some((rule) => rule.includes(`NotAfter: ${deadline}`))
  )
}

/**
 * Who runs what on this host, read from `/proc`: what an account holds in processes that live on after its rule or
 * membership is gone.
 *
 * @module
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { basename } from 'node:path'
import { setTimeout as later } from 'node:timers/promises'
import { type LinuxHost, run } from './linux-host.ts'

export type HostProcess = Readonly<{
  pid: number
  parent: number
  session: number
  /** Ticks since boot. With the id, it names a process for as long as the host is up. */
  started: number
  /** Real, effective, saved, of the file system. */
  uids: readonly number[]
  /** The same four, and the supplementary ones. */
  gids: readonly number[]
  program: string
  /** Who logged in, whatever `su` and `sudo` made of it since; null where the host does not keep it. */
  loginUid: number | null
  /** Set by sudo for what it runs. Its owner may have changed them since. */
  sudo: Readonly<{ uid: number; command: string }> | null
  /** What sudo was asked for, if this is sudo and was asked for it plainly. */
  waitsFor: string | null
  /** sudo whose words are not there yet: the kernel is still putting it in place of who called it. */
  isStarting: boolean
}>

const noLogin = 4_294_967_295

/**
 * Zombies, which hold nothing, the kernel's own threads, and this enforcer with whatever started it and whatever it started
 * are left out. Throws when `/proc` itself cannot be read.
 */
export function processes(host: LinuxHost): readonly HostProcess[] {
  const proc = `${host.root()}/proc`
  const all = readdirSync(proc)
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readProcess(`${proc}/${name}`, Number(name)) ?? [])
  return withoutOurs(all, Number(attempt(() => readlinkSync(`${proc}/self`)) ?? 0))
}

const readsToStart = 40
const millisToStart = 25

/**
 * As {@link processes}, once sudo that the account has just called can say what for: on a busy host that may take a moment,
 * and what says nothing is taken for what nobody allows. After a second it is, whatever is wrong with it.
 */
export async function startedProcesses(
  host: LinuxHost,
  uid: number,
  pause: (millis: number) => Promise<unknown> = later,
): Promise<readonly HostProcess[]> {
  let all = processes(host)
  const isAwaited = ({ isStarting, uids }: HostProcess) => isStarting && uids[0] === uid
  for (let reads = 1; reads < readsToStart && all.some(isAwaited); reads++) {
    await pause(millisToStart)
    all = all.flatMap((one) => (isAwaited(one) ? (readAgain(host, one) ?? []) : one))
  }
  return all
}

/** Null once it is gone, and its number perhaps another's. */
function readAgain(host: LinuxHost, { pid, started }: HostProcess): HostProcess | null {
  const now = readProcess(`${host.root()}/proc/${pid}`, pid)
  return now?.started === started ? now : null
}

/** An operator may have started the enforcer through sudo: it must not take its own process for a grantee's. */
function withoutOurs(all: readonly HostProcess[], own: number): readonly HostProcess[] {
  const byPid = new Map(all.map((process) => [process.pid, process]))
  const lineOf = (pid: number): readonly number[] => {
    const line: number[] = []
    // A number that was taken over while we read may close a circle.
    for (
      let at = byPid.get(pid);
      at !== undefined && !line.includes(at.pid);
      at = byPid.get(at.parent)
    )
      line.push(at.pid)
    return line
  }
  const ours = new Set(lineOf(own))
  return all.filter(({ pid }) => !ours.has(pid) && !lineOf(pid).includes(own))
}

const readsToAgree = 5

/**
 * Null once it is gone. What becomes another program while it is read is read again: no reading is half of one and half
 * of the other.
 */
export function readProcess(folder: string, pid: number): HostProcess | null {
  for (let reads = 1; ; reads++) {
    const found = readOnce(folder, pid)
    const isSame = found === null || found.program === programOf(folder)
    if (isSame || reads === readsToAgree) return found
  }
}

const programOf = (folder: string) => attempt(() => readlinkSync(`${folder}/exe`))

/**
 * The ids last: sudo takes on those of whom it runs a command as, then becomes the command, and only the command says by
 * its environment what it is.
 */
function readOnce(folder: string, pid: number): HostProcess | null {
  const program = programOf(folder)
  if (program === null) return null
  const environ = attempt(() => readFileSync(`${folder}/environ`, 'latin1')) ?? ''
  const words = isSudo(program)
    ? attempt(() => readFileSync(`${folder}/cmdline`, 'latin1'))
    : null
  const stat = attempt(() => readFileSync(`${folder}/stat`, 'latin1'))
  const status = attempt(() => readFileSync(`${folder}/status`, 'latin1'))
  if (stat === null || status === null) return null
  // The name of the program is in brackets, and may hold brackets itself.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const numbers = (name: string) =>
    (new RegExp(`^${name}:[ \\t]*(.*)$`, 'm').exec(status)?.[1] ?? '')
      .split(/\s+/)
      .filter(Boolean)
      .map(Number)
  if (fields[0] === 'Z' || fields[0] === 'X') return null
  const loginUid = Number(
    attempt(() => readFileSync(`${folder}/loginuid`, 'latin1')) ?? noLogin,
  )
  return {
    pid,
    parent: Number(fields[1]),
    session: Number(fields[3]),
    started: Number(fields[19]),
    uids: numbers('Uid'),
    gids: [...numbers('Gid'), ...numbers('Groups')],
    program,
    loginUid: loginUid === noLogin ? null : loginUid,
    sudo: sudoOf(environ),
    waitsFor: askedOf(words ?? ''),
    isStarting: words === '',
  }
}

const isSudo = (program: string) => /^sudo( \(deleted\))?$/.test(basename(program))

/** Null where an option may change what is run, or as whom. */
function askedOf(commandLine: string): string | null {
  const words = commandLine.split('\0').slice(1, -1)
  const first = words.findIndex((word) => !['-n', '-S', '-A', '-k'].includes(word))
  const command = first < 0 ? [] : words.slice(first)
  return command[0] === undefined || command[0].startsWith('-') ? null : command.join(' ')
}

function sudoOf(environ: string): HostProcess['sudo'] {
  const read = (name: string) =>
    environ
      .split('\0')
      .find((entry) => entry.startsWith(`${name}=`))
      ?.slice(name.length + 1)
  const uid = read('SUDO_UID')
  if (uid === undefined || !/^\d+$/.test(uid)) return null
  return { uid: Number(uid), command: read('SUDO_COMMAND') ?? '' }
}

/** A process that ends while it is being read is not there. */
function attempt<T>(read: () => T): T | null {
  try {
    return read()
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : null
    if (code === 'ENOENT' || code === 'ESRCH') return null
    throw error
  }
}

/** The kernel asks processes, not `/etc/group`: each keeps the groups that it began with. */
export const holdsGroup = (
  { gids, uids }: HostProcess,
  uid: number,
  gid: number,
): boolean => gids.includes(gid) && uids.includes(uid)

/** sudo itself, before or while it runs a command for the account: real user the account, effective user root. */
const isSudoOf = ({ program, uids }: HostProcess, uid: number): boolean =>
  isSudo(program) && uids[0] === uid && uids[1] !== uid

/**
 * What runs through sudo for the account and began at `since` or later: sudo, waiting for a password or for a command;
 * whatever says so in its environment; what has no parent left, is somebody else's and came from the account's login; and
 * all that descends from those or is in a session which one of those leads.
 */
export function sudoRuns(
  all: readonly HostProcess[],
  uid: number,
  since: number,
): readonly SudoRun[] {
  const isElevated = (process: HostProcess) => process.uids.some((id) => id !== uid)
  const isSeed = (process: HostProcess) =>
    process.started >= since &&
    isElevated(process) &&
    (isSudoOf(process, uid) ||
      process.sudo?.uid === uid ||
      (process.parent === 1 &&
        process.loginUid === uid &&
        !keepsSession(all, process, uid)))
  const runs: SudoRun[] = []
  const placed = new Set<number>()
  for (const seed of all.filter(isSeed).toSorted((a, b) => a.started - b.started)) {
    if (placed.has(seed.pid)) continue
    const members = withDescendants(all, seed).filter(({ pid }) => !placed.has(pid))
    for (const { pid } of members) placed.add(pid)
    // Of sudo's own environment, every word is the person's: only what it starts has sudo's.
    const told = members.find(({ program, sudo }) => sudo?.uid === uid && !isSudo(program))
    runs.push({
      members,
      command: told?.sudo?.command ?? seed.waitsFor,
      asUid: told?.uids[0] ?? 0,
    })
  }
  return runs
}

/** `login` and its like are root's, under the person's login, and the person's whole session hangs on them. */
const keepsSession = (
  all: readonly HostProcess[],
  process: HostProcess,
  uid: number,
): boolean => withDescendants(all, process).some(({ uids }) => uids[0] === uid)

export type SudoRun = Readonly<{
  members: readonly HostProcess[]
  /** Null where nothing says which: sudo that still waits for a password, or a command that hides it. */
  command: string | null
  asUid: number
}>

/** A session that sudo itself leads is the person's own, and stays. */
function withDescendants(
  all: readonly HostProcess[],
  seed: HostProcess,
): readonly HostProcess[] {
  const person = isSudo(seed.program) ? seed : null
  const found = new Map([[seed.pid, seed]])
  for (let size = 0; size !== found.size; ) {
    size = found.size
    for (const process of all) {
      const leads = found.get(process.session)
      if (found.has(process.parent) || (leads !== undefined && leads !== person))
        found.set(process.pid, process)
    }
  }
  return [...found.values()]
}

/**
 * Stops them, so that none of them starts another meanwhile, looks again that each is who it was, and kills it. One whose
 * number was taken over by another process is let run on.
 */
export async function kill(
  host: LinuxHost,
  victims: readonly HostProcess[],
): Promise<void> {
  if (victims.length === 0) return
  await signal(host, 'STOP', victims)
  const still = victims.map((victim) => ({
    victim,
    now: readProcess(`${host.root()}/proc/${victim.pid}`, victim.pid),
  }))
  const same = still.filter(({ victim, now }) => now?.started === victim.started)
  const others = still.filter(
    ({ victim, now }) => now !== null && now.started !== victim.started,
  )
  await signal(
    host,
    'CONT',
    others.map(({ victim }) => victim),
  )
  await signal(
    host,
    'KILL',
    same.map(({ victim }) => victim),
  )
}

/** Never to the first process, which is the host's. One that is gone is no failure: what is there is read again. */
async function signal(
  host: LinuxHost,
  name: 'STOP' | 'CONT' | 'KILL',
  processes: readonly HostProcess[],
): Promise<void> {
  const pids = processes.map(({ pid }) => pid).filter((pid) => pid > 1)
  for (let at = 0; at < pids.length; at += 500)
    await run(host, ['kill', `-${name}`, ...pids.slice(at, at + 500).map(String)])
}

/**
 * Stops everything that the account runs, in one call of the kernel's that no new process escapes, does the work, and lets
 * what is left run on. For one that starts copies of itself faster than they can be read and killed.
 */
export async function whileAllStandStill(
  host: LinuxHost,
  uid: number,
  work: () => Promise<unknown>,
): Promise<void> {
  // Sent as the account itself, to all that the account may send to.
  const toAll = (name: 'STOP' | 'CONT') =>
    run(host, ['setpriv', ...asAccount(uid), 'kill', `-${name}`, '--', '-1'])
  try {
    await toAll('STOP')
    await work()
  } finally {
    await toAll('CONT')
  }
}

/** The kernel's own answer, in one call that no new process escapes. */
export async function runsAnything(host: LinuxHost, uid: number): Promise<boolean> {
  const { status, stderr } = await run(host, [
    'setpriv',
    ...asAccount(uid),
    ...['kill', '-0', '--', '-1'],
  ])
  if (status === 0) return true
  if (stderr.includes('No such process')) return false
  throw new Error(`kill -0 answered ${status}: ${JSON.stringify(stderr)}`)
}

const asAccount = (uid: number) => ['--reuid', String(uid), '--clear-groups']

export type BootTime = Readonly<{ boot: string; ticks: number }>

/** Which boot of the host this is, and how long it has lasted, in the unit of {@link HostProcess.started}. */
export function bootTime(host: LinuxHost): BootTime {
  const read = (path: string) =>
    readFileSync(`${host.root()}/proc/${path}`, 'latin1').trim()
  const seconds = Number(read('uptime').split(' ')[0])
  return { boot: read('sys/kernel/random/boot_id'), ticks: Math.floor(seconds * 100) }
}

/**
 * A Linux host of its own for the drill and the heavy tests: this machine's programs in namespaces that hold a copy of
 * `/etc`, an empty `/run`, `/var/log` and homes below `/mnt`, and no process of this machine. Nothing that is done there is
 * seen outside, and everything there ends with whoever started it.
 *
 * @module
 */
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process'
import { existsSync, lstatSync } from 'node:fs'
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'

export type LinuxHostServer = Readonly<{
  /** Words that put a program into the host. */
  before(): readonly string[]
  /** Where the host's files are, seen from outside. */
  root(): string
  /** Runs a program there as root; throws with its words unless it succeeds. */
  run(command: readonly [string, ...string[]]): Promise<string>
  /** An account with a home below `/mnt`. Again: succeeds. */
  addAccount(name: string): Promise<void>
  /** Ends all its processes, as a power cut does. Files stay. */
  kill(): Promise<void>
  /** Boots it again, ending it first if it runs. */
  restart(): Promise<void>
  /** Ends it and deletes its files. */
  remove(): Promise<void>
}>

const namespaces = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc']
const unsharing = [...namespaces, '--propagation', 'private']

/** Null when this machine lets us have such a host; else in words why not. */
export function whyNoLinuxHost(): string | null {
  if (process.getuid?.() !== 0)
    return 'only root may have a Linux host of its own to test on'
  const { status } = spawnSync('unshare', [...unsharing, 'true'], { stdio: 'ignore' })
  return status === 0
    ? null
    : 'this machine allows no mount and process namespaces (unshare --mount --pid)'
}

/** What is the host's own, by folder; `/mnt` holds the homes. */
const own: Readonly<Record<string, string>> = {
  etc: '/etc',
  run: '/run',
  home: '/mnt',
  log: '/var/log',
  spool: '/var/spool',
  mail: '/var/mail',
  sudo: '/var/lib/sudo',
}

/** Waits for its input to end, which it does with whoever started it. The kernel buries orphans of who ignores it. */
const boot = `set -e
cd "$1"
shift
while [ $# -gt 0 ]; do mount --bind "$1" "$2"; shift 2; done
echo ready
exec env --ignore-signal=CHLD cat`

/** Resolves once programs can be run there. */
export async function startLinuxHost(
  options: Readonly<{ dir: string }>,
): Promise<LinuxHostServer> {
  const why = whyNoLinuxHost()
  if (why !== null) throw new Error(why)
  const dir = resolve(options.dir)
  if (!existsSync(join(dir, 'etc'))) await makeFiles(dir)
  let running = await booted(dir)

  const run = (command: readonly string[]) => runIn(running, command)
  const kill = async () => {
    const gone = running.exitCode !== null || running.signalCode !== null
    const over = gone ? null : new Promise((done) => running.once('exit', done))
    running.kill('SIGKILL')
    await over
  }
  return {
    before: () => wordsBefore(running),
    root: () => `/proc/${running.pid}/root`,
    run,
    addAccount: async (name) => {
      const known = await readFile(join(dir, 'etc/passwd'), 'utf8')
      if (known.split('\n').some((line) => line.startsWith(`${name}:`))) return
      await run(['useradd', '-m', '-d', `/mnt/${name}`, '-s', '/bin/bash', name])
    },
    kill,
    restart: async () => {
      await kill()
      running = await booted(dir)
    },
    remove: async () => {
      await kill()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

/** Root's home is the host's own too, so that nobody writes into this machine's. */
async function makeFiles(dir: string): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  for (const name of Object.keys(own)) await mkdir(join(dir, name), { mode: 0o755 })
  await mkdir(join(dir, 'run/sudo'), { mode: 0o711 })
  await mkdir(join(dir, 'spool/cron/crontabs'), { recursive: true, mode: 0o730 })
  await mkdir(join(dir, 'home/root'), { mode: 0o700 })
  await cp('/etc', join(dir, 'etc'), {
    recursive: true,
    verbatimSymlinks: true,
    preserveTimestamps: true,
  })
  const passwd = join(dir, 'etc/passwd')
  const accounts = await readFile(passwd, 'utf8')
  await writeFile(passwd, accounts.replace(/^(root:.*):\/root:/m, '$1:/mnt/root:'))
}

async function booted(dir: string): Promise<ChildProcess> {
  const binds = Object.entries(own)
    .filter(([, path]) => lstatSync(path, { throwIfNoEntry: false })?.isDirectory())
    .flat()
  const host = spawn('unshare', [...unsharing, 'sh', '-c', boot, 'sh', dir, ...binds], {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const words: string[] = []
  host.stderr.on('data', (text) => words.push(String(text)))
  host.stdin.on('error', () => undefined)
  await new Promise<void>((done, fail) => {
    host.once('error', fail)
    host.once('exit', () => fail(new Error(`the host did not start: ${words.join('')}`)))
    host.stdout.once('data', () => done())
  })
  return host
}

const wordsBefore = ({ pid }: ChildProcess): readonly string[] => [
  'nsenter',
  `--mount=/proc/${pid}/ns/mnt`,
  `--pid=/proc/${pid}/ns/pid_for_children`,
  '--',
]

function runIn(host: ChildProcess, command: readonly string[]): Promise<string> {
  const [first = '', ...rest] = [...wordsBefore(host), ...command]
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' }
  return new Promise((done, fail) => {
    execFile(first, rest, { env, cwd: '/', timeout: 20_000 }, (error, stdout, stderr) => {
      if (error === null) done(stdout)
      else
        fail(
          new Error(`${command.join(' ')}: ${stderr || error.message}`, { cause: error }),
        )
    })
  })
}

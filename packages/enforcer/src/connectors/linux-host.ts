import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'

/**
 * The host that the connector works on: the one it runs on. The host's programs do the work, without a shell. Tests put
 * the same programs and files into a namespace of their own.
 */
export type LinuxHost = Readonly<{
  /** Words before those of each program; none on the host itself. */
  before(): readonly string[]
  /** Stands before each path of a file; empty on the host itself. */
  root(): string
}>

export const thisHost: LinuxHost = { before: () => [], root: () => '' }

export type Ran = Readonly<{ status: number; stdout: string; stderr: string }>

const millisToRun = 8_000
const bytesOfOutput = 16 * 1024 * 1024
/** Nothing of the enforcer's own environment, least of all a search path or a language, reaches a program. */
const environment = { LC_ALL: 'C', PATH: '/usr/sbin:/usr/bin:/sbin:/bin' }

/**
 * Resolves when the program has ended by itself, whatever it says; throws when it could not be started, took too long, or
 * was killed. Output is bytes as Latin-1, so that no name is lost in decoding.
 */
export function run(
  host: LinuxHost,
  [program, ...args]: readonly [string, ...string[]],
  millis = millisToRun,
): Promise<Ran> {
  const [first, ...rest] = [...host.before(), program, ...args]
  if (first === undefined) throw new Error('there is always a program to run')
  const options = {
    env: environment,
    cwd: '/',
    encoding: 'latin1',
    timeout: millis,
    killSignal: 'SIGKILL',
    maxBuffer: bytesOfOutput,
  } as const
  return new Promise((done, fail) => {
    const child = execFile(first, rest, options, (error, stdout, stderr) => {
      const status = error === null ? 0 : error.code
      if (typeof status === 'number') done({ status, stdout, stderr })
      else
        fail(
          new Error(`${program} did not end well: ${error?.message.split('\n')[0]}`, {
            cause: error,
          }),
        )
    })
    child.stdin?.end()
  })
}

/** As {@link run}, and throws, with the program's own last words, unless it succeeds. */
export async function mustRun(
  host: LinuxHost,
  command: readonly [string, ...string[]],
  millis?: number,
): Promise<string> {
  const { status, stdout, stderr } = await run(host, command, millis)
  if (status === 0) return stdout
  const words = JSON.stringify((stderr.trim() || stdout.trim()).split('\n').at(-1) ?? '')
  throw new Error(`${command[0]} answered ${status}: ${words}`)
}

/** Null when there is no such file; throws when it cannot be read for any other reason. */
export function readHostFile(host: LinuxHost, path: string): string | null {
  try {
    return readFileSync(host.root() + path, 'latin1')
  } catch (error) {
    if (isMissing(error)) return null
    throw error
  }
}

export const isMissing = (error: unknown): boolean =>
  error instanceof Error &&
  'code' in error &&
  (error.code === 'ENOENT' || error.code === 'ENOTDIR')

export type Account = Readonly<{ name: string; uid: number; gid: number; home: string }>

/** What the host's own name service says of it; null when there is none. Throws when it is root's, or at any other answer. */
export async function findAccount(host: LinuxHost, name: string): Promise<Account | null> {
  const { status, stdout, stderr } = await run(host, ['getent', 'passwd', name])
  if (status === 2) return null
  const [found, , uid, gid, , home = '/'] = stdout.split('\n')[0]?.split(':') ?? []
  if (status !== 0 || found !== name || !/^\d+$/.test(uid ?? ''))
    throw new Error(`getent passwd ${name} answered ${status}: ${JSON.stringify(stderr)}`)
  if (Number(uid) === 0) throw new Error(`the account ${name} is root itself`)
  return { name, uid: Number(uid), gid: Number(gid), home }
}

export async function accountNamed(host: LinuxHost, name: string): Promise<Account> {
  const found = await findAccount(host, name)
  if (found === null) throw new Error(`there is no account ${name} on this host`)
  return found
}

import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export type Ran = Readonly<{ status: number; stdout: string; stderr: string }>

export type RunOptions = Readonly<{
  input?: string
  /** Beside the search path and a language: nothing of the enforcer's own environment reaches a program. */
  env?: Readonly<Record<string, string>>
  millis?: number
}>

export const environment = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', TZ: 'UTC' }

const millisToRun = 10_000
const mostBytes = 32 * 1024 * 1024

/**
 * Resolves when the program has ended by itself, whatever it says; throws when it could not be started, took too long, said
 * too much or was killed. Without a shell and without a terminal to ask at.
 */
export function run(
  [program, ...args]: readonly [string, ...string[]],
  { input = '', env = {}, millis = millisToRun }: RunOptions = {},
): Promise<Ran> {
  return new Promise((done, fail) => {
    const child = spawn(program, args, {
      env: { ...environment, ...env },
      cwd: '/',
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    const stop = (why: string) => {
      child.kill('SIGKILL')
      fail(new Error(`${program} ${why}`))
    }
    const late = setTimeout(() => stop(`gave no answer in ${millis} ms`), millis)
    const told = { stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr'] as const)
      child[name].setEncoding('utf8').on('data', (text: string) => {
        told[name] += text
        if (told[name].length > mostBytes) stop('said too much')
      })
    child.once('error', fail).once('close', (status, signal) => {
      clearTimeout(late)
      if (status === null) fail(new Error(`${program} was killed by ${signal}`))
      else done({ status, ...told })
    })
    // A program that reads nothing may be gone before it is told.
    child.stdin.on('error', () => undefined).end(input)
  })
}

/** As {@link run}, and throws with the program's own last words unless it succeeds. */
export async function mustRun(
  command: readonly [string, ...string[]],
  options?: RunOptions,
): Promise<string> {
  const { status, stdout, stderr } = await run(command, options)
  if (status === 0) return stdout
  throw new Error(`${command[0]} answered ${status}: ${lastWords(stderr)}`)
}

/** On one line, quoted: a program may repeat what somebody hostile wrote. */
export const lastWords = (text: string): string =>
  JSON.stringify(text.trim().split('\n').at(-1)?.trim().slice(0, 300) ?? '')

/** A folder that only we can open, gone when `work` is done. */
export async function inPrivateFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'halligan-ssh-'))
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

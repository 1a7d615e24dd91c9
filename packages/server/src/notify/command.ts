import { spawn } from 'node:child_process'
import { bodyOf } from './body.ts'
import type { NoticeSink } from './sink.ts'

export type CommandSinkOptions = Readonly<{
  /** An absolute path and its arguments. No shell reads them, and nothing of a notice is among them. */
  run: readonly [program: string, ...args: string[]]
  timeoutMillis?: number
}>

/**
 * Runs a program for each notice, with the notice on its standard input; exit code 0 is a delivery. It gets no variable of
 * the server's but PATH, and is killed with all that it started when it takes too long.
 */
export function commandSink({
  run,
  timeoutMillis = 10_000,
}: CommandSinkOptions): NoticeSink {
  const [program, ...args] = run
  return {
    deliver: (notice) =>
      new Promise((resolve, reject) => {
        const child = spawn(program, args, {
          shell: false,
          detached: true,
          stdio: ['pipe', 'ignore', 'ignore'],
          env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' },
        })
        const timer = setTimeout(() => killGroup(child.pid), timeoutMillis)
        child.once('error', reject)
        child.once('close', (code) => {
          clearTimeout(timer)
          resolve(code === 0)
        })
        // A program that does not read its input has told by its exit code what it thinks.
        child.stdin.once('error', () => {})
        child.stdin.end(`${bodyOf(notice)}\n`)
      }),
  }
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    // It ended by itself in this very moment.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

import type { ChildProcess, SpawnOptions } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { type Death, deathOf } from '../estate/server-process.ts'
import { type Sibling, startSibling } from '../sibling.ts'

export type Finished = Readonly<{ code: number; stdout: string; stderr: string }>

const millisToFinish = 30_000
const millisToStop = 8_000

/** The programs of an estate, as processes of their own. None of them outlives {@link stopAll} or this process. */
export class Programs {
  readonly #running = new Set<ChildProcess>()
  #stopped = false
  readonly #killAll = () => {
    for (const child of this.#running) child.kill('SIGKILL')
  }

  constructor() {
    process.once('exit', this.#killAll)
  }

  /** Runs a program to its end. A program that hangs is killed and counts as failed. */
  run(
    program: Sibling,
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<Finished> {
    const child = this.#spawn(program, args, env, 'pipe')
    const out = { stdout: '', stderr: '' }
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      out.stdout += text
    })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      out.stderr += text
    })
    const hung = setTimeout(() => child.kill('SIGKILL'), millisToFinish)
    return new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code) => {
        clearTimeout(hung)
        this.#running.delete(child)
        resolve({ code: code ?? 1, ...out })
      })
    })
  }

  /** Starts a program that stays; its words go to `log`. `inside` are words before its own, such as `nsenter`'s. */
  start(
    program: Sibling,
    args: readonly string[],
    log: string,
    env: Readonly<Record<string, string>> = {},
    inside: readonly string[] = [],
  ): Daemon {
    const words = openSync(log, 'a', 0o600)
    const child = this.#spawn(program, args, env, words, inside)
    closeSync(words)
    return new Daemon(program, child, log, () => this.#running.delete(child))
  }

  #spawn(
    program: Sibling,
    args: readonly string[],
    env: Readonly<Record<string, string>>,
    words: 'pipe' | number,
    inside: readonly string[] = [],
  ): ChildProcess {
    if (this.#stopped) throw new Error('interrupted')
    const options = {
      env: { ...ownEnvironment(), ...env },
      stdio: ['ignore', words, words],
    } satisfies SpawnOptions
    const child = startSibling(program, args, options, inside)
    this.#running.add(child)
    return child
  }

  /** For good: nothing can be started after it. */
  async stopAll(): Promise<void> {
    this.#stopped = true
    await Promise.all([...this.#running].map(end))
    this.#running.clear()
    process.off('exit', this.#killAll)
  }
}

export class Daemon {
  readonly name: string
  readonly log: string
  readonly #child: ChildProcess
  readonly #forget: () => void

  constructor(name: string, child: ChildProcess, log: string, forget: () => void) {
    this.name = name
    this.log = log
    this.#child = child
    this.#forget = forget
  }

  /** Resolves when it ends, whoever ended it. */
  death(): Promise<Death> {
    return deathOf(this.name, this.#child, this.log)
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  async stop(): Promise<void> {
    await end(this.#child)
    this.#forget()
  }
}

/** Our own settings must not reach into the people and servers of the estate. All share one compile cache. */
const ownEnvironment = (): NodeJS.ProcessEnv => ({
  NODE_COMPILE_CACHE: join(homedir(), '.cache', 'halligan'),
  ...Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(?:HALLIGAN|PG)/.test(name)),
  ),
})

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  child.kill('SIGTERM')
  const late = setTimeout(() => child.kill('SIGKILL'), millisToStop)
  await gone
  clearTimeout(late)
}

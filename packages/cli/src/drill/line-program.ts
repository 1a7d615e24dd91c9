import { type ChildProcess, spawn } from 'node:child_process'

const millisToAnswer = 10_000
const never = /(?!)/

/** A client program that stays, and answers each line it is given with lines of its own. */
export class LineProgram {
  readonly #child: ChildProcess
  #heard = ''

  constructor(
    program: string,
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ) {
    const { PATH = '/usr/bin:/bin' } = process.env
    this.#child = spawn(program, args, {
      env: { PATH, LC_ALL: 'C', HOME: '/nonexistent', ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    const hear = (text: string) => {
      this.#heard += text
    }
    this.#child.stdin?.on('error', () => undefined)
    this.#child.stdout?.setEncoding('utf8').on('data', hear)
    this.#child.stderr?.setEncoding('utf8').on('data', hear)
    this.#child.on('error', (error) => hear(error.message))
  }

  get running(): boolean {
    return (
      this.#child.pid !== undefined &&
      this.#child.exitCode === null &&
      this.#child.signalCode === null
    )
  }

  /** Everything that it has said since the last question. */
  get heard(): string {
    return this.#heard
  }

  /** Whether it answers `line` with something that `expected` fits. False when it ends, does not in time, or says `no` first. */
  async answers(line: string, expected: RegExp, no: RegExp = never): Promise<boolean> {
    this.#heard = ''
    this.#child.stdin?.write(`${line}\n`)
    const late = performance.now() + millisToAnswer
    while (!expected.test(this.#heard)) {
      const isNo = no.test(this.#heard)
      if (isNo || !this.running || performance.now() > late) return false
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    return true
  }

  async end(): Promise<void> {
    if (!this.running) return
    const gone = new Promise((resolve) => this.#child.once('exit', resolve))
    this.#child.kill('SIGKILL')
    await gone
  }
}

/** Runs a program to its end; whether it answered 0, and what it said. */
export async function said(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Readonly<{ ok: boolean; words: string }>> {
  const { PATH = '/usr/bin:/bin' } = process.env
  const child = spawn(program, args, {
    env: { PATH, LC_ALL: 'C', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: millisToAnswer,
  })
  let words = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      words += text
    })
  const code = await new Promise<number | null>((resolve) => {
    child.once('close', resolve).once('error', (error) => {
      words += error.message
      resolve(null)
    })
  })
  return { ok: code === 0, words }
}

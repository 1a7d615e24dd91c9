import type { Instant } from '@halligan/core'
import type { Machine } from './machine.ts'

/** A machine of paper, and what a command said on it. */
export type TestMachine = Machine &
  Readonly<{ out: string[]; said: string[]; questions: string[] }>

export type TestMachineOptions = Readonly<{
  env?: Readonly<Record<string, string>>
  fetch?: typeof fetch
  /** Nobody is there without it. */
  answers?: readonly boolean[]
}>

const nobodyAnswers: typeof fetch = () =>
  Promise.reject(
    new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') }),
  )

export function testMachine(options: TestMachineOptions = {}): TestMachine {
  const [out, said, questions]: [string[], string[], string[]] = [[], [], []]
  const answers = [...(options.answers ?? [])]
  return {
    out,
    said,
    questions,
    env: options.env ?? {},
    fetch: options.fetch ?? nobodyAnswers,
    now: () => 1_800_000_000_000 as Instant,
    random: (length) => crypto.getRandomValues(new Uint8Array(length)),
    pause: () => Promise.resolve(),
    terminal: {
      data: (text) => void out.push(text),
      say: (text) => void said.push(text),
      interactive: options.answers !== undefined,
      confirm: async (question) => {
        questions.push(question)
        return answers.shift() ?? false
      },
      secret: async () => null,
    },
  }
}

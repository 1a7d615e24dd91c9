import { confirm, isCancel, password } from '@clack/prompts'

/** Where a command speaks: data to stdout, words to stderr, questions to a person if one is there. */
export interface Terminal {
  /** One or more whole lines for stdout. */
  data(text: string): void
  /** One or more whole lines for stderr. */
  say(text: string): void
  /** Whether somebody can be asked. */
  readonly interactive: boolean
  confirm(question: string): Promise<boolean>
  /** Null when the person gives up. */
  secret(question: string): Promise<string | null>
}

export const processTerminal = (): Terminal => ({
  data: (text) => void process.stdout.write(`${text}\n`),
  say: (text) => void process.stderr.write(`${text}\n`),
  interactive: process.stdin.isTTY === true && process.stderr.isTTY === true,
  confirm: async (message) =>
    (await confirm({ message, initialValue: false, output: process.stderr })) === true,
  secret: async (message) => {
    const answer = await password({ message, output: process.stderr })
    return isCancel(answer) ? null : answer
  },
})

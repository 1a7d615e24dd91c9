import { ok, parseGrantId, type Result } from '@halligan/core'
import type { Command } from 'commander'
import { refusalText } from './display/refusal.ts'
import { type ExitCode, exitCode } from './exit-code.ts'
import type { Machine } from './machine.ts'
import { type CliRefusal, exitCodeOf } from './refusal.ts'

/** What a command found or did: the same for people and for machines. */
export type Shown = Readonly<{
  json: unknown
  /** For stdout. Empty: nothing to print. */
  text: string
  /** For stderr: what happened and what to type next. */
  words?: string
  /** Where success has more than one exit code, e.g. a verification that failed. */
  code?: ExitCode
}>

export type Outcome = Result<Shown, CliRefusal>

export const shown = (
  json: unknown,
  text: string,
  words?: string,
): Extract<Outcome, { ok: true }> =>
  ok(words === undefined ? { json, text } : { json, text, words })

/** Options that every command has. */
export type Common = Readonly<{ json?: boolean; yes?: boolean }>

/** Collects the one exit code of a run. */
export type Run = Readonly<{ machine: Machine; finish(code: ExitCode): void }>

/**
 * The one way from a command's outcome to output and exit code. Data goes to stdout, words to stderr, and a refusal is
 * data too for those who asked for `--json`.
 */
export const act =
  <Options>(
    { machine, finish }: Run,
    work: (options: Options & Common, args: readonly string[]) => Promise<Outcome>,
  ) =>
  async (...given: readonly unknown[]): Promise<void> => {
    const command = given.at(-1) as Command
    const options = command.optsWithGlobals<Options & Common>()
    const outcome = await work(options, command.args)
    const grant = command.args.find((arg) => parseGrantId(arg).ok) ?? 'GRANT'
    const named = { grant, command: command.name() }
    finish(print(machine, outcome, options.json === true, named))
  }

/** `named` is what the command line names: what to type next must not need retyping. */
function print(
  { terminal }: Machine,
  outcome: Outcome,
  json: boolean,
  named: Readonly<{ grant: string; command: string }>,
): ExitCode {
  if (!outcome.ok) {
    terminal.say(refusalText(outcome.error, named.grant, named.command))
    if (json) terminal.data(JSON.stringify({ refused: outcome.error }))
    return exitCodeOf(outcome.error)
  }
  const { text, words, code = exitCode.ok } = outcome.value
  if (words !== undefined && words !== '') terminal.say(words)
  if (json) terminal.data(JSON.stringify(outcome.value.json))
  else if (text !== '') terminal.data(text)
  return code
}

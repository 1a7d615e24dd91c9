/**
 * The control plane and the enforcer are programs of their own. This command starts them; it never becomes them.
 *
 * @module
 */
import { Command } from 'commander'
import { type ExitCode, exitCode } from '../exit-code.ts'
import { runSibling } from '../sibling.ts'

const siblings = { server: 'halligan-server', enforcer: 'halligan-enforcer' } as const

const wrongUsage = 64

/** Hands the whole rest of the command line over, `--help` included. */
export async function siblingCode(
  name: keyof typeof siblings,
  args: readonly string[],
): Promise<ExitCode> {
  const code = await runSibling(siblings[name], args)
  if (code === 0) return exitCode.ok
  return code === wrongUsage ? exitCode.usage : exitCode.refused
}

/** Only for the list in `--help`: {@link siblingCode} is asked before any option is read. */
export const serverCommand = (): Command =>
  new Command('server').description('init, run: the control plane').argument('[args...]')

export const enforcerCommand = (): Command =>
  new Command('enforcer')
    .description('enroll, check, run, end, rotate, status: an enforcer, beside its target')
    .argument('[args...]')

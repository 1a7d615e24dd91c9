import { Command, CommanderError } from 'commander'
import type { Run } from './command.ts'
import { activateCommand } from './commands/activate.ts'
import { attestCommand } from './commands/attest.ts'
import { checkCommand } from './commands/check.ts'
import { connectCommand } from './commands/connect.ts'
import { incidentCommand } from './commands/incident.ts'
import { loginCommand } from './commands/login.ts'
import {
  approveCommand,
  denyCommand,
  returnCommand,
  revokeCommand,
  withdrawCommand,
} from './commands/on-grant.ts'
import { requestCommand } from './commands/request.ts'
import { revealCommand } from './commands/reveal.ts'
import { reviewCommand } from './commands/review.ts'
import { statusCommand } from './commands/status.ts'
import { watchCommand } from './commands/watch.ts'
import { drillCommand } from './commands/drill.ts'
import { estateCommand } from './commands/estate.ts'
import { inviteCommand } from './commands/invite.ts'
import { ledgerCommand } from './commands/ledger.ts'
import { policyCommand } from './commands/policy.ts'
import { rosterCommand } from './commands/roster.ts'
import { enforcerCommand, serverCommand, siblingCode } from './commands/siblings.ts'
import { type ExitCode, exitCode } from './exit-code.ts'
import type { Machine } from './machine.ts'

const commands = [
  loginCommand,
  checkCommand,
  requestCommand,
  approveCommand,
  denyCommand,
  withdrawCommand,
  activateCommand,
  connectCommand,
  revealCommand,
  statusCommand,
  watchCommand,
  returnCommand,
  revokeCommand,
  attestCommand,
  reviewCommand,
  incidentCommand,
  policyCommand,
  rosterCommand,
  inviteCommand,
  ledgerCommand,
  serverCommand,
  enforcerCommand,
  estateCommand,
  drillCommand,
]

const exitCodes = `
Exit codes: 0 done, 1 refused or failed, 2 wrong usage or nothing trusted yet, 3 no answer or outcome unknown,
4 the server's answer does not verify, 5 you said no.
Data goes to stdout, words to stderr. Your directory is HALLIGAN_HOME, ~/.halligan otherwise; the passphrase comes
from HALLIGAN_PASSPHRASE_FILE, HALLIGAN_PASSPHRASE, or a question.`

/** Runs one command line. Throws only for broken promises. */
export async function main(args: readonly string[], machine: Machine): Promise<ExitCode> {
  const [first, ...rest] = args
  if (first === 'server' || first === 'enforcer') return siblingCode(first, rest)
  let code: ExitCode = exitCode.ok
  const run: Run = {
    machine,
    finish: (finished) => {
      code = finished
    },
  }
  const program = new Command('halligan')
    .description('emergency access that ends by itself and proves it')
    .option('--json', 'data for machines')
    .option('-y, --yes', 'sign without asking, once the terms are shown')
    .addHelpText('after', exitCodes)
  for (const command of commands) program.addCommand(command(run))
  for (const command of everyCommand(program))
    command.exitOverride().configureOutput({
      writeOut: (text) => machine.terminal.data(text.trimEnd()),
      writeErr: (text) => machine.terminal.say(text.trimEnd()),
    })
  try {
    await program.parseAsync([...args], { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    return error.exitCode === 0 ? exitCode.ok : exitCode.usage
  }
  return code
}

function everyCommand(command: Command): readonly Command[] {
  return [command, ...command.commands.flatMap(everyCommand)]
}

import { Command, CommanderError } from 'commander'
import type { Run } from './command.ts'
import { enforcerCommand, serverCommand, siblingCode } from './commands/siblings.ts'
import { type ExitCode, exitCode } from './exit-code.ts'
import type { Machine } from './machine.ts'

/** Each is read from disk only when it is asked for: a person in an emergency waits for none of the others. */
const commands: Readonly<Record<string, (run: Run) => Promise<Command>>> = {
  login: async (run) => (await import('./commands/login.ts')).loginCommand(run),
  check: async (run) => (await import('./commands/check.ts')).checkCommand(run),
  request: async (run) => (await import('./commands/request.ts')).requestCommand(run),
  approve: async (run) => (await import('./commands/on-grant.ts')).approveCommand(run),
  deny: async (run) => (await import('./commands/on-grant.ts')).denyCommand(run),
  withdraw: async (run) => (await import('./commands/on-grant.ts')).withdrawCommand(run),
  activate: async (run) => (await import('./commands/activate.ts')).activateCommand(run),
  connect: async (run) => (await import('./commands/connect.ts')).connectCommand(run),
  reveal: async (run) => (await import('./commands/reveal.ts')).revealCommand(run),
  status: async (run) => (await import('./commands/status.ts')).statusCommand(run),
  watch: async (run) => (await import('./commands/watch.ts')).watchCommand(run),
  drift: async (run) => (await import('./commands/drift.ts')).driftCommand(run),
  return: async (run) => (await import('./commands/on-grant.ts')).returnCommand(run),
  revoke: async (run) => (await import('./commands/on-grant.ts')).revokeCommand(run),
  attest: async (run) => (await import('./commands/attest.ts')).attestCommand(run),
  review: async (run) => (await import('./commands/review.ts')).reviewCommand(run),
  incident: async (run) => (await import('./commands/incident.ts')).incidentCommand(run),
  case: async (run) => (await import('./commands/case.ts')).caseCommand(run),
  policy: async (run) => (await import('./commands/policy.ts')).policyCommand(run),
  roster: async (run) => (await import('./commands/roster.ts')).rosterCommand(run),
  invite: async (run) => (await import('./commands/invite.ts')).inviteCommand(run),
  ledger: async (run) => (await import('./commands/ledger.ts')).ledgerCommand(run),
  estate: async (run) => (await import('./commands/estate.ts')).estateCommand(run),
  drill: async (run) => (await import('./commands/drill.ts')).drillCommand(run),
  server: async () => serverCommand(),
  enforcer: async () => enforcerCommand(),
}

const aliases: Readonly<Record<string, string>> = { break: 'request' }

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
  for (const load of asked(args)) program.addCommand(await load(run))
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

/** The one command that is named, or all of them for whoever asks for help. */
function asked(args: readonly string[]) {
  const [name = ''] = args.filter((arg) => !arg.startsWith('-'))
  const named = commands[aliases[name] ?? name]
  return named === undefined ? Object.values(commands) : [named]
}

function everyCommand(command: Command): readonly Command[] {
  return [command, ...command.commands.flatMap(everyCommand)]
}

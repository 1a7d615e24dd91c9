import { readFile } from 'node:fs/promises'
import type { HealthAnswer } from '@halligan/contract'
import { Command } from 'commander'
import { act, type Common, type Run, shown } from '../command.ts'
import { visible } from '../display/visible.ts'
import { type ExampleEstate, openEstate } from '../example/estate.ts'
import { names, people } from '../example/people.ts'
import { interruptSignal } from '../interrupt.ts'
import type { Machine } from '../machine.ts'
import { failed } from '../refusal.ts'

type Options = Readonly<{ dir: string; port: string }> & Common

export const estateCommand = (run: Run): Command =>
  new Command('estate').description('an example estate to try everything on').addCommand(
    new Command('start')
      .description('start it, or resume it; Ctrl-C stops it and keeps its data')
      .option('--dir <folder>', 'where it lives', '.halligan')
      .option('--port <port>', 'of the control plane, when it is new', '8443')
      .action(
        act<Options>(run, async ({ dir, port }) => {
          const { terminal } = run.machine
          const signal = interruptSignal()
          const started = performance.now()
          const estate = await openEstate({
            folder: dir,
            port: Number(port),
            say: (step) => terminal.say(`  ${step} ...`),
            signal,
          })
          const seconds = ((performance.now() - started) / 1000).toFixed(1)
          terminal.data(screen(estate, seconds))
          const safeMode = await safeModeOf(run.machine, estate)
          if (safeMode !== null) terminal.say(`\n${safeMode}`)
          const death = await Promise.race([aborted(signal), estate.death])
          terminal.say('\nStopping. The data stays; start again to resume.')
          await estate.stop()
          // Ctrl-C reaches all of them, and us.
          if (death === null || signal.aborted) return shown({ folder: estate.folder }, '')
          terminal.say(`The end of ${death.log}:\n${await endOf(death.log)}`)
          return failed(
            'program_ended',
            `${death.name} ended (${death.how}), so the rest was stopped too`,
            'halligan estate start',
          )
        }),
      ),
  )

/** None of a server that does not answer: should it have ended, that is told of it. */
async function safeModeOf(
  { fetch }: Machine,
  { url }: ExampleEstate,
): Promise<string | null> {
  const health = await fetch(`${url}/healthz`)
    .then((answer) => answer.json())
    .catch(() => ({ safeMode: [] }))
  const { safeMode, logCheck } = health as HealthAnswer
  if (safeMode.length === 0) return null
  const why = `SAFE MODE (${safeMode.map(visible).join(', ')}): nothing is opened, ending goes on.`
  return logCheck === undefined
    ? `${why} How to leave it: docs/trust.md.`
    : `${why} It passes: ${visible(logCheck.detail)}.`
}

const aborted = (signal: AbortSignal): Promise<null> =>
  new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(null), { once: true })
    if (signal.aborted) resolve(null)
  })

const linesOfLog = 5

const endOf = async (log: string): Promise<string> => {
  const lines = (await readFile(log, 'utf8')).trimEnd().split('\n').slice(-linesOfLog)
  return lines.map((line) => `  | ${visible(line)}`).join('\n')
}

const actAs = (folder: string): string => {
  const lines = names.map((name) => [`  . ${folder}/${name}/env`, name] as const)
  const width = Math.max(...lines.map(([line]) => line.length))
  return lines
    .map(([line, name]) => `${line.padEnd(width)}  # ${name}: ${people[name]}`)
    .join('\n')
}

const screen = ({ folder, url, rosterDigest }: ExampleEstate, seconds: string): string =>
  `
Halligan's example estate runs (${seconds} s). Ctrl-C stops it.

  control plane  ${url}
  roster digest  ${rosterDigest}
  enforcer       enf-payments, in front of a real PostgreSQL with a payments database
  data           ${folder}

Act as somebody: in another terminal,
${actAs(folder)}
(The passphrase lies beside each key, because this is an example.)

One emergency, from the first word to the last:
  . ${folder}/ada/env
  halligan incident open inc-1 --severity 2 --system payments-db --title "settlement is stuck"
  halligan check --incident inc-1
  halligan request payments-db-repair --incident inc-1 --reason "batch 29 is stuck" --life 5m
Each command prints the next one.`.trimStart()

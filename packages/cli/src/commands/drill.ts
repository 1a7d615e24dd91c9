import { normalize } from 'node:path'
import { Command, Option } from 'commander'
import { act, type Common, type Run } from '../command.ts'
import { drillAll } from '../drill/all-targets.ts'
import { drill } from '../drill/drill.ts'
import type { Step } from '../drill/steps.ts'
import { exitCode } from '../exit-code.ts'
import { interruptSignal } from '../interrupt.ts'

type Options = Readonly<{ out: string; targets: string }> & Common

export const drillCommand = (run: Run): Command =>
  new Command('drill')
    .description('rehearse one whole emergency against real servers, in about a minute')
    .option('--out <folder>', 'gets case.json and trust.txt', './drill-out')
    .addOption(
      new Option('--targets <which>', 'PostgreSQL alone, or every connector at once')
        .choices(['postgres', 'all'])
        .default('postgres'),
    )
    .action(
      act<Options>(run, async ({ out, targets, json }) => {
        const { terminal, now } = run.machine
        const tell = (step: Step, elapsed: number) =>
          json === true ? undefined : terminal.data(stepLine(step, elapsed))
        if (json !== true) terminal.data('DRILL: a rehearsal of one emergency\n')
        const options = { out: normalize(out), now, tell, signal: interruptSignal() }
        const report = await (targets === 'all' ? drillAll : drill)(options)
        const total = report.steps.reduce((sum, { millis }) => sum + millis, 0)
        return {
          ok: true,
          value: {
            json: report,
            text: report.held
              ? `\nEvery step held, in ${seconds(total)} s. Verify it yourself:\n  npx halligan case verify ${report.caseFile} --trust ${report.rosterDigest}`
              : '\nThe drill did not hold.',
            code: report.held ? exitCode.ok : exitCode.refused,
          },
        }
      }),
    )

const stepLine = ({ name, millis, held, detail }: Step, elapsed: number): string =>
  `${held ? 'held  ' : 'FAILED'} ${seconds(elapsed).padStart(5)} s  (${seconds(millis)} s)  ${name}${detail === '' ? '' : `: ${detail}`}`

const seconds = (millis: number): string => (millis / 1000).toFixed(1)

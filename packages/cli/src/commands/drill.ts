import { resolve } from 'node:path'
import { Command } from 'commander'
import { act, type Common, type Run } from '../command.ts'
import { drill } from '../drill/drill.ts'
import type { Step } from '../drill/steps.ts'
import { exitCode } from '../exit-code.ts'
import { interruptSignal } from '../interrupt.ts'

type Options = Readonly<{ out: string }> & Common

export const drillCommand = (run: Run): Command =>
  new Command('drill')
    .description(
      'rehearse one whole emergency against a real PostgreSQL, in under a minute',
    )
    .option('--out <folder>', 'gets case.json and trust.txt', './drill-out')
    .action(
      act<Options>(run, async ({ out, json }) => {
        const { terminal, now } = run.machine
        const tell = (step: Step, elapsed: number) =>
          json === true ? undefined : terminal.data(stepLine(step, elapsed))
        if (json !== true) terminal.data('DRILL: a rehearsal of one emergency\n')
        const report = await drill({
          out: resolve(out),
          now,
          tell,
          signal: interruptSignal(),
        })
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

import type { Found } from '@halligan/sdk'
import { Command } from 'commander'
import { act, type Common, type Run, shown } from '../command.ts'
import { openDesk } from '../desk.ts'
import { counted } from '../display/counted.ts'
import { type Drift, driftOf, driftText } from '../display/drift.ts'

type Options = Readonly<{ target?: string; limit: string }> & Common

export const driftCommand = (run: Run): Command =>
  new Command('drift')
    .description('what enforcers found on targets and no grant explains')
    .option('--target <target>', 'only of this one')
    .option('--limit <n>', 'at most so many reports of each target', '50')
    .action(
      act<Options>(run, async ({ target, limit }) => {
        const desk = await openDesk(run.machine)
        if (!desk.ok) return desk
        const of = { limit: Number(limit), ...(target === undefined ? {} : { target }) }
        const found = await desk.value.client.drift(of)
        if (!found.ok) return found
        const items = driftOf(found.value)
        return shown({ items }, driftText(items), summary(items, found.value))
      }),
    )

function summary(items: readonly Drift[], found: readonly Found[]): string {
  if (found.length === 0) return 'No enforcer reported anything that no grant explains.'
  const over = items.filter((item) => item.over !== null).length
  return `${counted(items.length, 'finding')}, ${over} said to be over. Of most, no enforcer says when they end: look at the target.`
}

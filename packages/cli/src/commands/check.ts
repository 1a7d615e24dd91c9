import type { Ruling } from '@halligan/core'
import { Command } from 'commander'
import { act, type Common, type Run, shown } from '../command.ts'
import { openDesk } from '../desk.ts'
import { counted } from '../display/counted.ts'
import { duration } from '../display/duration.ts'
import { table } from '../display/table.ts'
import { visible } from '../display/visible.ts'
import { grantLife } from '../life.ts'

type Options = Readonly<{ incident?: string; life?: string; person?: string }> & Common

export const checkCommand = (run: Run): Command =>
  new Command('check')
    .description('what is open to you now, and what would open the rest')
    .option('--incident <id>', 'judged under this incident')
    .option('--life <time>', 'for this long, e.g. 15m')
    .option('--person <id>', 'for someone else, if your role permits it')
    .action(
      act<Options>(run, async ({ incident, life, person }) => {
        const lived = life === undefined ? null : grantLife(life)
        if (lived?.ok === false) return lived
        const desk = await openDesk(run.machine)
        if (!desk.ok) return desk
        const body = {
          ...(incident === undefined ? {} : { incident }),
          ...(lived === null ? {} : { lifeSeconds: lived.value }),
          ...(person === undefined ? {} : { person }),
        }
        const answer = await desk.value.client.call('check', { body })
        if (!answer.ok) return answer
        const { entitlements } = answer.value
        const rows = entitlements.flatMap((each) =>
          routeRows(each.ruling).map((row) => [visible(each.entitlement), ...row]),
        )
        return shown(
          answer.value,
          table(['ENTITLEMENT', 'ROUTE', 'NOW', 'PRICE, OR WHAT WOULD OPEN IT'], rows),
          entitlements.some(({ ruling }) => ruling.open.length > 0)
            ? `Next: halligan request ENTITLEMENT --incident ${incident ?? 'ID'} --reason TEXT`
            : 'Nothing is open now.',
        )
      }),
    )

function routeRows({ open, closed }: Ruling): readonly (readonly string[])[] {
  return [
    ...open.map((route) => [
      visible(route.name),
      'open',
      `${approvals(route.approvals)}, at most ${duration(route.maxLifeSeconds * 1000)}, review within ${duration(route.reviewSeconds * 1000)}`,
    ]),
    ...closed.flatMap(({ route, reasons, opensIf = [] }) =>
      [
        ...reasons.map((reason) => visible(reason)),
        ...opensIf.map((way) => `opens with: ${visible(way)}`),
      ].map((text, i) => [i === 0 ? visible(route) : '', i === 0 ? 'closed' : '', text]),
    ),
  ]
}

const approvals = (count: number): string =>
  count === 0 ? 'no approval' : counted(count, 'approval')

import { isSlug } from '@halligan/core'
import { Command, Option } from 'commander'
import { act, type Common, type Outcome, type Run, shown } from '../command.ts'
import { newText, openDesk, sign } from '../desk.ts'
import { fromNow } from '../display/duration.ts'
import { table } from '../display/table.ts'
import { visible } from '../display/visible.ts'
import type { Machine } from '../machine.ts'
import { usage } from '../refusal.ts'

type Opening = Readonly<{ severity: string; system: readonly string[]; title: string }> &
  Common

export const incidentCommand = (run: Run): Command =>
  new Command('incident')
    .description('the events that justify emergency access')
    .addCommand(
      new Command('list')
        .description('what is open')
        .action(act<Common>(run, () => listIncidents(run.machine))),
    )
    .addCommand(
      new Command('open')
        .description('declare an incident; an id that begins with drill- marks a rehearsal')
        .argument('<id>', 'e.g. inc-2041')
        .addOption(
          new Option('--severity <n>', '1 is the worst, 5 the mildest')
            .choices(['1', '2', '3', '4', '5'])
            .makeOptionMandatory(),
        )
        .requiredOption('--system <system...>', 'what it affects')
        .requiredOption('--title <text>', 'what is wrong')
        .action(
          act<Opening>(run, (options, [id]) => openIncident(run.machine, id, options)),
        ),
    )
    .addCommand(
      new Command('close')
        .description('close it; grants that depend on it end')
        .argument('<id>', 'e.g. inc-2041')
        .action(
          act<Common>(run, (options, [id]) => closeIncident(run.machine, id, options)),
        ),
    )

async function listIncidents(machine: Machine): Promise<Outcome> {
  const desk = await openDesk(machine)
  if (!desk.ok) return desk
  const answer = await desk.value.client.call('incidents')
  if (!answer.ok) return answer
  const rows = answer.value.incidents.map((each) => [
    visible(each.incident),
    String(each.severity),
    each.systems.map(visible).join(', '),
    visible(each.source),
    fromNow(each.openedAt, machine.now()),
  ])
  const headings = ['INCIDENT', 'SEVERITY', 'SYSTEMS', 'SOURCE', 'OPENED']
  return shown(answer.value, table(headings, rows))
}

async function openIncident(
  machine: Machine,
  incident = '',
  options: Opening,
): Promise<Outcome> {
  if (!isSlug(incident))
    return usage(
      'malformed_incident',
      `${incident} is not an incident id`,
      'lower-case ASCII, like inc-42',
    )
  const desk = await openDesk(machine)
  if (!desk.ok) return desk
  const prepared = await desk.value.client.prepare({ verb: 'open_incident' })
  if (!prepared.ok) return prepared
  const title = newText(machine, options.title)
  const accepted = await sign(
    desk.value,
    {
      verb: 'open_incident',
      nonce: prepared.value.nonce,
      body: {
        incident,
        severity: Number(options.severity),
        systems: [...options.system],
        titleCommitment: title.commitment,
      },
      blobs: [title],
    },
    options,
  )
  if (!accepted.ok) return accepted
  const next = `Next: halligan request ENTITLEMENT --incident ${incident} --reason TEXT`
  return shown({ incident }, incident, `Opened. ${next}`)
}

async function closeIncident(
  machine: Machine,
  incident = '',
  options: Common,
): Promise<Outcome> {
  const desk = await openDesk(machine)
  if (!desk.ok) return desk
  const prepared = await desk.value.client.prepare({ verb: 'close_incident' })
  if (!prepared.ok) return prepared
  const { nonce } = prepared.value
  const body = { incident }
  const accepted = await sign(desk.value, { verb: 'close_incident', nonce, body }, options)
  return accepted.ok ? shown({ incident }, incident, 'Closed.') : accepted
}

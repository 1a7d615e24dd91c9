import { type Grant, isSettled, ok, parseGrantId, type Result } from '@halligan/core'
import { parseStrict } from '@halligan/ledger'
import type { ReadGrant } from '@halligan/sdk'
import { Command } from 'commander'
import { act, type Common, type Outcome, type Run, shown } from '../command.ts'
import { type Desk, openDesk } from '../desk.ts'
import { clockTime } from '../display/duration.ts'
import { describeFully } from '../display/entry.ts'
import { visible } from '../display/visible.ts'
import { type CliRefusal, failed, usage } from '../refusal.ts'
import { countdown } from './status.ts'

type Options = Readonly<{ until?: string; timeout?: string }> & Common

const goals = ['active', 'applied', 'ended', 'absent', 'closed'] as const
type Goal = (typeof goals)[number]

export const watchCommand = (run: Run): Command =>
  new Command('watch')
    .description('follow a grant as it happens, with its countdown')
    .argument('<grant>', 'the grant, e.g. g-…')
    .option('--until <state>', `stop once it is ${goals.join(', ')}`)
    .option('--timeout <seconds>', 'give up after so long')
    .action(
      act<Options>(run, async (options, [text]) => {
        const id = parseGrantId(text ?? '')
        if (!id.ok) return usage('malformed_grant', `${text} is not a grant id`, '')
        const goal = goals.find((each) => each === options.until)
        if (options.until !== undefined && goal === undefined)
          return usage('unknown_state', `${options.until} is no state`, goals.join(', '))
        const desk = await openDesk(run.machine)
        if (!desk.ok) return desk
        const read = await desk.value.client.grant(id.value)
        if (!read.ok) return read
        const timeout = options.timeout === undefined ? null : Number(options.timeout)
        return follow(desk.value, read.value, goal ?? 'closed', timeout, options)
      }),
    )

/** The stream only says that something happened; what happened is read again and proven. */
async function follow(
  desk: Desk,
  start: ReadGrant,
  goal: Goal,
  timeoutSeconds: number | null,
  { json }: Common,
): Promise<Outcome> {
  const signal =
    timeoutSeconds === null ? undefined : AbortSignal.timeout(timeoutSeconds * 1000)
  let told = tell(desk, start, 0, json)
  let read: Result<ReadGrant, CliRefusal> = ok(start)
  if (reached(start.grant, goal)) return done(start)
  const events = await desk.client.events(start.grant.id, signal)
  if (!events.ok) return events
  try {
    for await (const { data } of events.value) {
      if (!parseStrict(data).ok) continue
      read = await desk.client.grant(start.grant.id)
      if (!read.ok) return read
      told = tell(desk, read.value, told, json)
      if (reached(read.value.grant, goal)) return done(read.value)
    }
  } catch (error) {
    if (signal?.aborted !== true) throw error
    return failed('timed_out', `it is not ${goal} after ${timeoutSeconds} seconds`)
  }
  return {
    ok: false,
    error: { kind: 'unreachable', code: 'unreachable', detail: 'the stream ended' },
  }
}

/** Prints the entries from the `told`th on; answers how many there are now. */
function tell(
  { machine }: Desk,
  { grant, entries, texts }: ReadGrant,
  told: number,
  json: boolean | undefined,
): number {
  const { terminal } = machine
  for (const { index, entry } of entries.slice(told))
    if (json === true) terminal.data(JSON.stringify({ index, entry }))
    else
      terminal.data(
        `${clockTime(entry.at)}  ${visible(entry.actor).padEnd(22)}  ${describeFully(entry, texts)}`,
      )
  if (entries.length > told && json !== true)
    terminal.say(
      `  ${grant.drill ? 'DRILL ' : ''}${grant.phase} ${countdown(grant, machine.now())}`.trimEnd(),
    )
  return entries.length
}

export function reached(grant: Grant, goal: Goal): boolean {
  const targets = 'targets' in grant ? grant.targets : []
  const over = ['closed', 'denied', 'withdrawn', 'lapsed'].includes(grant.phase)
  if (over) return true
  switch (goal) {
    case 'active':
      return targets.length > 0
    case 'applied':
      return targets.length > 0 && targets.every(({ phase }) => phase !== 'ordered')
    case 'ended':
      return targets.length > 0 && grant.phase !== 'active'
    case 'absent':
      return targets.length > 0 && grant.phase !== 'active' && targets.every(isSettled)
    case 'closed':
      return false
  }
}

const done = ({ grant }: ReadGrant): Outcome => shown({ grant }, '', `Now ${grant.phase}.`)

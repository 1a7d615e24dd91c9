import type { Incident, Instant } from '@halligan/core'
import type { Clock } from '../ports.ts'
import type { IncidentSource } from './port.ts'

/** What the sources said of one incident, and when they were asked. */
export type IncidentReading = Readonly<{ asOf: Instant; incident: Incident | null }>

/** Asks every source. Unknown or unreachable counts as absent: a fault never opens a door. */
export async function readIncident(
  sources: readonly IncidentSource[],
  clock: Pick<Clock, 'now'>,
  id: string,
): Promise<IncidentReading> {
  const asOf = clock.now()
  const answers = await Promise.allSettled(
    sources.map(async (source) => await source.read(id)),
  )
  const found = answers.flatMap((answer) =>
    answer.status === 'fulfilled' && answer.value !== null ? [answer.value] : [],
  )
  return { asOf, incident: found[0] ?? null }
}

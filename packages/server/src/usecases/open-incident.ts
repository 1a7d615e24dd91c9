import { type IncidentEvent, ok, type Result, refuse } from '@halligan/core'
import type { EntryDraft } from '@halligan/ledger'
import { type ActAnswer, type ActInput, acceptAct } from './accept-act.ts'
import type { Deps } from './deps.ts'
import type { Asked } from './permission.ts'
import type { Refusal } from './refusal.ts'

/** A permitted person says that there is an incident. */
export const openIncident = (
  deps: Deps,
  input: ActInput,
): Promise<Result<ActAnswer, Refusal>> =>
  acceptAct(deps, 'open_incident', input, {
    opens: ({ act }) => [act.body.titleCommitment],
    asks: (_, { act }) => ok(askForEach(act.body.systems, act.body.severity)),
    run: (tx, { act, envelope }, { now }) => {
      if (tx.incident(act.body.incident) !== null)
        return refuse({ code: 'incident_exists' })
      const { incident, severity, systems, titleCommitment } = act.body
      const event: IncidentEvent = {
        kind: 'incident_opened',
        incident,
        source: 'act',
        severity,
        systems,
        titleCommitment,
        act: envelope,
      }
      const entry = tx.append(incidentDraft(event, act.by, now))
      return ok({ entries: [entry], incident })
    },
  })

/** One question for each system; an incident that names none asks about the estate. */
const askForEach = (systems: readonly string[], severity: number): readonly Asked[] => {
  const ask = { action: 'open_incident', context: { severity } } as const
  return systems.length === 0 ? [ask] : systems.map((system) => ({ ...ask, system }))
}

export const incidentDraft = (
  event: IncidentEvent,
  actor: string,
  at: EntryDraft['at'],
): EntryDraft =>
  ({ ...event, at, subject: `incident/${event.incident}`, actor }) as unknown as EntryDraft

import type { Commitment, Envelope } from './json.ts'
import type { Instant } from './time.ts'

/** Severity 1 is the worst. `systems` empty means that none is stated: it covers none. */
export type Incident = Readonly<{
  incident: string
  source: string
  severity: number
  systems: readonly string[]
  titleCommitment: Commitment
  openedAt: Instant
  closedAt: Instant | null
}>

export type IncidentEvent = Readonly<
  | ({ kind: 'incident_opened'; act: Envelope | null } & Omit<
      Incident,
      'openedAt' | 'closedAt'
    >)
  | { kind: 'incident_closed'; incident: string; act: Envelope | null }
>

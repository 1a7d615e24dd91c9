import type { Incident } from '@halligan/core'

/**
 * Where incidents come from. Grants are judged on what a source says at that moment, so an
 * answer is never remembered by the caller.
 */
export interface IncidentSource {
  readonly name: string
  /** Null when the source does not know the id. Rejects when the source cannot be reached. */
  read(incident: string): Promise<Incident | null>
}

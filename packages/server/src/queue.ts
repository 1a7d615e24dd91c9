/**
 * What waits for the writer, and which of it makes the next batch (L-01). What somebody waits for goes before what is due by the
 * clock alone; and however many people act, what is due has its part of every batch (INV-9).
 *
 * @module
 */
import type { Waiting } from './commit.ts'

export interface Queue {
  push(waiting: Waiting): void
  /** The next batch, taken out: at most 64. */
  take(): readonly Waiting[]
  isEmpty(): boolean
  /** All that waits, taken out. */
  takeAll(): readonly Waiting[]
}

/** A batch is synchronous, so its size bounds how long everything else waits. */
const mostPerBatch = 64

/** Beside acts, for nobody's act shall wait for a whole batch of what is due. */
const leastPatient = 4
const actsForEachPatient = 4

export function createQueue(): Queue {
  let acts: Waiting[] = []
  let patient: Waiting[] = []

  return {
    push(waiting) {
      if (waiting.command.patient === true) patient.push(waiting)
      else acts.push(waiting)
    },
    take() {
      const room = acts.length === 0 ? mostPerBatch : besideActs(acts.length)
      const due = patient.slice(0, room)
      const asked = acts.slice(0, mostPerBatch - due.length)
      patient = patient.slice(due.length)
      acts = acts.slice(asked.length)
      return [...asked, ...due]
    },
    isEmpty: () => acts.length + patient.length === 0,
    takeAll() {
      const all = [...acts, ...patient]
      acts = []
      patient = []
      return all
    },
  }
}

function besideActs(acts: number): number {
  const most = Math.floor(mostPerBatch / (actsForEachPatient + 1))
  return Math.min(most, Math.max(leastPatient, Math.ceil(acts / actsForEachPatient)))
}

import type { Instant } from '@halligan/core'
import type { Clock, Scheduler } from '../ports.ts'
import type { Placed, View, Writer } from '../store/port.ts'
import type { StreamedEvent } from './handler.ts'

export type StreamDeps = Readonly<{
  writer: Writer
  view(): View
  clock: Pick<Clock, 'now'>
  scheduler: Scheduler
}>

/** A comment goes out this often, so that both ends notice a peer that has gone. */
const heartbeatMillis = 15_000

const stillHere: StreamedEvent = { event: '', data: '' }

/** The frontier's size now and after each of its moves; null as a heartbeat. Ends at `until`. */
async function* frontier(
  { writer, clock, scheduler }: StreamDeps,
  until: Instant,
  signal: AbortSignal,
): AsyncGenerator<number | null> {
  let moved = true
  let wake = () => {}
  const stop = writer.onFrontier(() => {
    moved = true
    wake()
  })
  const aborted = () => wake()
  signal.addEventListener('abort', aborted)
  try {
    while (!signal.aborted && clock.now() < until) {
      if (moved) {
        moved = false
        yield writer.frontier().head.size
        continue
      }
      await new Promise<void>((resolve) => {
        const cancel = scheduler.after(heartbeatMillis, resolve)
        wake = () => {
          cancel()
          resolve()
        }
      })
      if (!moved) yield null
    }
  } finally {
    stop()
    signal.removeEventListener('abort', aborted)
  }
}

/** Each entry of `subject` with an index of at least `from`, once it is below the frontier (INV-2). */
export async function* entriesOf(
  deps: StreamDeps,
  subject: string,
  from: number,
  until: Instant,
  signal: AbortSignal,
): AsyncGenerator<StreamedEvent> {
  let next = from
  for await (const size of frontier(deps, until, signal)) {
    if (size === null) {
      yield stillHere
      continue
    }
    const fresh = deps
      .view()
      .entriesOf(subject)
      .filter(({ index }) => index >= next && index < size)
    for (const placed of fresh) yield eventOf(placed)
    next = Math.max(next, (fresh.at(-1)?.index ?? -1) + 1)
  }
}

const eventOf = ({ index, entry }: Placed): StreamedEvent => ({
  id: String(index),
  event: entry.kind,
  data: JSON.stringify({ index, entry }),
})

/** At most this many entries are looked at in one go. */
const pageSize = 500

/**
 * A generation at once, and again whenever orders for `enforcer`, or a roster, have come below the frontier. It is only
 * the wake-up: what the enforcer then asks for is its full desired state.
 */
export async function* generationsFor(
  deps: StreamDeps,
  enforcer: string,
  until: Instant,
  signal: AbortSignal,
): AsyncGenerator<StreamedEvent> {
  let seen = deps.writer.frontier().head.size
  yield generation(seen)
  for await (const size of frontier(deps, until, signal)) {
    if (size === null) yield stillHere
    else if (concerns(deps.view(), enforcer, seen, size)) yield generation(size)
    seen = size ?? seen
  }
}

function concerns(view: View, enforcer: string, from: number, to: number): boolean {
  for (let next = from; next < to; next += pageSize) {
    const page = view.entries(next - 1, Math.min(pageSize, to - next))
    if (page.some((placed) => isFor(enforcer, placed))) return true
  }
  return false
}

const isFor = (enforcer: string, { entry }: Placed): boolean =>
  (entry.kind === 'ordered' && entry.enforcer === enforcer) ||
  entry.kind === 'roster_accepted'

const generation = (size: number): StreamedEvent => ({
  id: String(size),
  event: 'generation',
  data: JSON.stringify({ generation: size }),
})

/** One caller holds at most this many streams: connections are for everybody (WB-14). */
export const streamsPerCaller = 16

export interface StreamSlots {
  /** The same events, in one of the caller's slots until they end; null when none is free. */
  hold(
    who: string,
    events: AsyncIterable<StreamedEvent>,
  ): AsyncIterable<StreamedEvent> | null
}

export function createStreamSlots(): StreamSlots {
  const held = new Map<string, number>()
  const move = (who: string, by: number) => {
    const now = (held.get(who) ?? 0) + by
    if (now > 0) held.set(who, now)
    else held.delete(who)
  }
  async function* inSlot(who: string, events: AsyncIterable<StreamedEvent>) {
    try {
      yield* events
    } finally {
      move(who, -1)
    }
  }
  return {
    hold(who, events) {
      if ((held.get(who) ?? 0) >= streamsPerCaller) return null
      move(who, 1)
      return inSlot(who, events)
    },
  }
}

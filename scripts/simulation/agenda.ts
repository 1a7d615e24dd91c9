/**
 * Time, and everything that is going to happen. Nothing in a simulation happens but by an event of this agenda: it is taken
 * off, the time becomes its time, and all that it sets going runs until nothing more happens by itself.
 *
 * @module
 */

export type Agenda = Readonly<{
  /** Simulated ms since 1970: what really is the time, whatever any clock says. */
  now(): number
  /** Returns what takes it off again. Events of one moment happen in the order in which they were entered. */
  after(millis: number, label: string, run: () => void): () => void
  sleep(millis: number, label: string): Promise<void>
  /** The next event, carried out; its label, or null when nothing is going to happen any more. */
  step(): Promise<string | null>
}>

type Entry = { readonly at: number; readonly order: number; label: string; run: () => void }

/** Everything that JavaScript does without waiting for an event has been done once this resolves. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve))

export function createAgenda(start: number): Agenda {
  const heap: Entry[] = []
  let now = start
  let entered = 0
  const after: Agenda['after'] = (millis, label, run) => {
    const entry = {
      at: now + Math.max(0, Math.round(millis)),
      order: entered++,
      label,
      run,
    }
    push(heap, entry)
    return () => {
      entry.label = ''
    }
  }
  return {
    now: () => now,
    after,
    sleep: (millis, label) => new Promise((resolve) => void after(millis, label, resolve)),
    async step() {
      for (;;) {
        const next = pop(heap)
        if (next === undefined) return null
        if (next.label === '') continue
        now = next.at
        const { label } = next
        next.run()
        await settled()
        return label
      }
    },
  }
}

const before = (one: Entry, other: Entry): boolean =>
  one.at < other.at || (one.at === other.at && one.order < other.order)

function push(heap: Entry[], entry: Entry): void {
  let at = heap.length
  heap.push(entry)
  while (at > 0) {
    const parent = (at - 1) >> 1
    if (!before(entry, heap[parent] as Entry)) break
    heap[at] = heap[parent] as Entry
    at = parent
  }
  heap[at] = entry
}

function pop(heap: Entry[]): Entry | undefined {
  const top = heap[0]
  const last = heap.pop()
  if (top === undefined || last === undefined || heap.length === 0) return top
  let at = 0
  for (;;) {
    let child = 2 * at + 1
    if (child >= heap.length) break
    if (child + 1 < heap.length && before(heap[child + 1] as Entry, heap[child] as Entry))
      child++
    if (!before(heap[child] as Entry, last)) break
    heap[at] = heap[child] as Entry
    at = child
  }
  heap[at] = last
  return top
}

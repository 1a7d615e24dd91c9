import type { Instant } from '@halligan/core'
import type { Found } from '@halligan/sdk'
import { clockTime } from './duration.ts'
import { table } from './table.ts'
import { visible } from './visible.ts'

/** One thing that was found, however often it came and went. */
export type Drift = Found &
  Readonly<{
    /** When it was told first; `at` is when it was told last, which is since when it has lasted, if it still does. */
    first: Instant
    times: number
    /** When it was told to be over; null where nobody has said so. */
    over: Instant | null
  }>

/**
 * An enforcer tells what it finds once while it lasts, and again should it come back. It says that a thing is over of a
 * target that it can reach again, and of nothing else. What is not over comes first, then the latest.
 */
export function driftOf(found: readonly Found[]): readonly Drift[] {
  const items = new Map<string, Drift>()
  for (const one of found) {
    if (one.what === 'connector_ready') {
      for (const [key, item] of items)
        if (isOverWith(item, one)) items.set(key, { ...item, over: one.at })
      continue
    }
    const key = [one.target, one.enforcer, one.what, one.object ?? one.index].join('\n')
    const before = items.get(key)
    items.set(key, {
      ...one,
      first: before?.first ?? one.at,
      times: (before?.times ?? 0) + 1,
      over: null,
    })
  }
  return [...items.values()].toSorted(
    (a, b) =>
      Number(a.over !== null) - Number(b.over !== null) || b.at - a.at || b.index - a.index,
  )
}

const isOverWith = (item: Drift, ready: Found): boolean =>
  item.what === 'connector_unready' &&
  item.over === null &&
  item.target === ready.target &&
  item.enforcer === ready.enforcer

export const driftText = (items: readonly Drift[]): string =>
  items.length === 0
    ? ''
    : table(
        ['ENTRY', 'SINCE', 'OVER', 'TARGET', 'BY', 'TOLD', 'WHAT'],
        items.map((item) => [
          String(item.index),
          clockTime(item.at),
          item.over === null ? '' : clockTime(item.over),
          visible(item.target),
          visible(item.enforcer),
          item.told?.urgency ?? 'nobody',
          wordsOf(item),
        ]),
      )

/** Its words begin with its name, as an enforcer writes them. */
function wordsOf({ what, object, grant, times }: Drift): string {
  const rest = object?.startsWith(`${what} `) ? object.slice(what.length + 1) : object
  const words = [visible(what), visible(rest ?? grant ?? 'text not kept')]
  return `${words.join(' ')}${times > 1 ? `, ${times} times` : ''}`
}

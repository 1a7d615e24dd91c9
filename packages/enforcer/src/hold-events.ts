import type { Subject } from './report.ts'
import type { Place, Site } from './site.ts'
import { advance, type Hold, type HoldEvent, holdIn, mayStand } from './state.ts'

/** Writes the hold down as `event` makes it; throws when the event cannot have happened to it. */
export function keep(
  { books }: Pick<Site, 'books'>,
  { grant, target }: Place,
  event: HoldEvent,
): Hold {
  return books.atomically(() => {
    const next = advance(books.hold(grant, target), event)
    if (!next.ok)
      throw new Error(
        `corrupt hold ${grant} on ${target}: ${event.kind} in ${next.error.phase}`,
      )
    books.keepHold(next.value)
    return next.value
  })
}

export const subjectOf = (hold: Hold): Subject => {
  const { grant, target } = hold
  if (holdIn(hold, 'ending', 'absent')) return { grant, target, about: hold.about }
  if (!mayStand(hold)) return { grant, target, about: null }
  const { orderDigest, orderIndex } = hold.order
  return { grant, target, about: { orderDigest, orderIndex } }
}

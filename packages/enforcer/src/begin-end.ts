/**
 * The first step of every ending: it is written down, with its receipt, before the target is asked. A disk that does not take
 * it stops no ending (INV-18, S-01): then it is begun in memory, and written down once the disk takes it.
 *
 * @module
 */
import type { EndingCause } from '@halligan/core'
import { subjectOf } from './hold-events.ts'
import { report, type Subject } from './report.ts'
import type { Place, Site } from './site.ts'
import { advance, type Ended, type Hold, type HoldIn } from './state.ts'
import { type Books, BooksUnwritable } from './store/port.ts'

export type Ending = Readonly<{
  place: Place
  cause: EndingCause
  /** The order that asks for it, where the grant was never opened here. */
  about?: Subject['about']
  /** That order says no more than that the time is up: nobody is in a hurry. */
  expired?: NonNullable<Ended['expired']>
}>

/** Makes the hold `ending`, for good. False when it was ending or absent already. Not to be called in a transaction. */
export const beginEnd = (
  site: Site,
  place: Place,
  cause: EndingCause,
  about: Subject['about'] = null,
): boolean => beginEnds(site, [{ place, cause, about }]).length === 1

/** So many take some thirty milliseconds, in which nothing else is done. */
export const mostBegunAtOnce = 100

/** As {@link beginEnds}, but for a moment between so many and so many, in which what has begun goes on. */
export async function beginVeryMany(
  site: Site,
  endings: readonly Ending[],
): Promise<readonly Place[]> {
  const begun: Place[] = []
  for (let at = 0; at < endings.length; at += mostBegunAtOnce) {
    if (at > 0) await new Promise<void>((go) => site.scheduler.after(1, go))
    begun.push(...beginEnds(site, endings.slice(at, at + mostBegunAtOnce)))
  }
  return begun
}

/** All in one write; answers where it was not ending or absent already. */
export function beginEnds(site: Site, endings: readonly Ending[]): readonly Place[] {
  if (endings.length === 0) return []
  const begun = (begin: (hold: HoldEnding) => void) =>
    endings.filter((ending) => {
      const hold = endedBy(site, ending)
      if (hold !== null) begin(hold)
      return hold !== null
    })
  try {
    const written = site.books.atomically(() => begun((hold) => write(site, hold)))
    return written.map(({ place }) => place)
  } catch (error) {
    if (!(error instanceof BooksUnwritable)) throw error
    tellUnwritten(site, error)
    // `asked`: what a later look finds absent was made so by this ending.
    const unwritten = begun((hold) => site.books.holdUnwritten({ ...hold, asked: true }))
    return unwritten.map(({ place }) => place)
  }
}

type HoldEnding = HoldIn<'ending'>

function endedBy(
  { books, clock }: Site,
  { place, cause, about = null, expired }: Ending,
): HoldEnding | null {
  const at = clock.read().wall
  const hold = holdAt(books, place)
  if (hold === null) return null
  const next = advance(hold, {
    ...{ kind: 'ending', cause, at, about },
    ...(expired === undefined ? {} : { expired }),
  })
  return next.ok && next.value.phase === 'ending' ? next.value : null
}

/** Null for what is not in memory while the books cannot even be read: whoever asks for its end asks again. */
function holdAt(books: Books, { grant, target }: Place): Hold | null {
  try {
    return books.hold(grant, target)
  } catch (error) {
    if (error instanceof BooksUnwritable) return null
    throw error
  }
}

function write(site: Site, hold: HoldEnding): void {
  site.books.keepHold(hold)
  report(site, subjectOf(hold), { kind: 'ending', cause: hold.cause })
}

/** False while the disk still does not take an ending that was begun in memory. */
export function isWritten(site: Site, hold: HoldEnding): boolean {
  const { books } = site
  if (!books.isUnwritten(hold.grant, hold.target)) return true
  try {
    books.atomically(() => write(site, hold))
    books.written(hold.grant, hold.target)
    return true
  } catch (error) {
    if (error instanceof BooksUnwritable) return false
    throw error
  }
}

const tellUnwritten = (site: Site, error: BooksUnwritable) =>
  site.log({ level: 'alarm', what: 'books_unwritable', why: error.message })

import { subjectOf } from './hold-events.ts'
import { blobOf, report } from './report.ts'
import type { Retry } from './retries.ts'
import type { Place, Site } from './site.ts'
import { BooksUnwritable } from './store/port.ts'

/** Told at the second try in vain and at every doubling, so that a target that is away for a day costs some seventeen receipts. */
export const isTold = (attempts: number): boolean =>
  attempts >= 2 && Number.isInteger(Math.log2(attempts))

export type Struggles = Readonly<{
  /**
   * The receipt, where one is due, on disk together with all others of this turn of the event loop. Why it failed travels as text
   * that the receipt commits to.
   */
  tell(place: Place, retry: Retry): Promise<void>
  /** The last try was well. */
  over(place: Place): void
}>

/**
 * For one target, at most so many in a minute: ten thousand grants on a dead target must not fill the ledger, nor keep the disk
 * from the endings elsewhere (INV-25). Who is left out is told of at the next try for which there is room.
 */
export const mostInMinute = 60
const minuteMillis = 60_000

export function createStruggles(site: Site): Struggles {
  const told = new Map<string, Readonly<{ since: number; count: number }>>()
  const owed = new Set<string>()
  const keyOf = ({ grant, target }: Place) => `${target}/${grant}`
  const mayTell = (target: string): boolean => {
    const now = site.clock.read().bootMillis
    const known = told.get(target)
    const fresh = known === undefined || now - known.since >= minuteMillis
    const { since, count } = fresh ? { since: now, count: 0 } : known
    told.set(target, { since, count: count + 1 })
    return count < mostInMinute
  }
  return {
    over: (place) => void owed.delete(keyOf(place)),
    async tell(place, { work, attempts, why }) {
      const key = keyOf(place)
      if (!isTold(attempts) && !owed.has(key)) return
      if (!mayTell(place.target)) return void owed.add(key)
      owed.delete(key)
      const reason = blobOf(site, why)
      const reasonCommitment = reason.commitment
      const detail = { kind: 'struggling', work, attempts, reasonCommitment } as const
      const hold = site.books.hold(place.grant, place.target)
      const write = () => report(site, subjectOf(hold), detail, { blobs: [reason] })
      await site.books.together(write).catch((error: unknown) => {
        if (!(error instanceof BooksUnwritable)) throw error
        site.log({ level: 'alarm', what: 'books_unwritable', why: error.message })
      })
    },
  }
}

const maxReasonLength = 500

/**
 * One bounded line. Connectors keep secrets out of what they throw; what a driver or a target may have put into its words all
 * the same (credentials in a URL, verifiers, private keys) is taken out here.
 */
export function plainReason(why: string): string {
  const safe = why
    .slice(0, 4 * maxReasonLength)
    .replace(/\/\/[^/\s@]*@/g, '//…@')
    .replace(/\b(SCRAM-SHA-256|AGE-SECRET-KEY-1)\S*/gi, '$1…')
    .replace(/\b(password|secret|token|identified by)(\s*[=:]\s*|\s+')\S+/gi, '$1$2…')
    .replace(/-----BEGIN [^-]*-----[\s\S]*/g, '-----…')
    .replace(/[\p{Cc}\u2028\u2029]+/gu, ' ')
    .trim()
  return safe.length <= maxReasonLength ? safe : `${safe.slice(0, maxReasonLength - 1)}…`
}

import { subjectOf } from './hold-events.ts'
import { blobOf, report } from './report.ts'
import type { Retry } from './retries.ts'
import type { Place, Site } from './site.ts'
import { BooksUnwritable } from './store/port.ts'

/** Told at the second try in vain and at every doubling, so that a target that is away for a day costs some seventeen receipts. */
export const isTold = (attempts: number): boolean =>
  attempts >= 2 && Number.isInteger(Math.log2(attempts))

/** The receipt, where one is due. Why it failed travels as text that the receipt commits to. */
export function tellStruggle(
  site: Site,
  place: Place,
  { work, attempts, why }: Retry,
): void {
  if (!isTold(attempts)) return
  const reason = blobOf(site, why)
  const reasonCommitment = reason.commitment
  const hold = site.books.hold(place.grant, place.target)
  try {
    const detail = { kind: 'struggling', work, attempts, reasonCommitment } as const
    report(site, subjectOf(hold), detail, { blobs: [reason] })
  } catch (error) {
    if (!(error instanceof BooksUnwritable)) throw error
    site.log({ level: 'alarm', what: 'books_unwritable', why: error.message })
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

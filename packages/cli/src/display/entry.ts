import type { ReceiptDetail } from '@halligan/core'
import type { Entry } from '@halligan/ledger'
import { counted } from './counted.ts'
import { clockTime } from './duration.ts'
import type { Texts } from './statement.ts'
import { table } from './table.ts'
import { namesOf, reasonText } from './target.ts'
import { visible } from './visible.ts'

/** One entry of a grant in a few words, without the texts behind it. */
export function describe(entry: Entry): string {
  const { kind, report, target, op, finding, cause } = entry
  const detail = kind === 'reported' ? (report as unknown as ReceiptDetail) : null
  const about = [op, detail?.kind, target, cause, finding]
  const words = [kind, ...about.filter((part) => typeof part === 'string')]
  const more = detail === null ? '' : reportWords(detail)
  return visible([...new Set(words)].join(' ') + (more === '' ? '' : `, ${more}`))
}

/** {@link describe}, and why it was said, where that is a text. */
export function describeFully(entry: Entry, texts: Texts): string {
  const report = entry.report as unknown as ReceiptDetail | undefined
  return entry.kind === 'reported' && report?.kind === 'struggling'
    ? `${describe(entry)}: ${reasonText(report.reasonCommitment, texts)}`
    : describe(entry)
}

/** One entry a line, its words last: a list of probes is long, and nothing stands behind it. */
export const history = (
  entries: readonly Readonly<{ index: number; entry: Entry }>[],
  texts: Texts,
): string =>
  table(
    ['ENTRY', 'AT', 'BY', 'WHAT'],
    entries.map(({ index, entry }) => [
      String(index),
      clockTime(entry.at),
      visible(entry.actor),
      describeFully(entry, texts),
    ]),
  )

function reportWords(report: ReceiptDetail): string {
  switch (report.kind) {
    case 'struggling':
      return `${report.work}, attempt ${report.attempts}`
    case 'absent':
      return `${report.alreadyAbsent ? 'already absent, ' : ''}by ${namesOf(report.probes)}`
    case 'rotated':
      return `by ${namesOf(report.probes)}`
    case 'refused':
      return report.codes.join(' ')
    case 'ending':
      return report.cause
    case 'cleaned':
      return counted(report.findings, 'finding')
    case 'witnessed':
      return `${report.what}, ${counted(report.parts.length, 'part')}${report.complete ? '' : ', INCOMPLETE'}`
    case 'drifted':
      return report.what
    case 'applied':
      return report.shared === true ? 'shared account' : ''
    case 'unknown':
      return ''
  }
}

/**
 * The texts of a grant for its reviewer: what people and enforcers said, and what was done in the sessions. All of it was
 * written by somebody else, the grantee among them: each line is escaped and set apart, and none can pass for ours.
 *
 * @module
 */
import type { Json, ReceiptDetail } from '@halligan/core'
import { base64, canonicalText, type Entry, isEnvelope, textOf } from '@halligan/ledger'
import type { ReadGrant } from '@halligan/sdk'
import { counted } from './counted.ts'
import { clockTime } from './duration.ts'
import { describe } from './entry.ts'
import { table } from './table.ts'
import { visible } from './visible.ts'

/** How much is shown of one text in a table, of one line, and of one session. */
export type Bounds = Readonly<{ characters: number; lines: number }>

export const ordinary: Bounds = { characters: 400, lines: 60 }
export const unbounded: Bounds = { characters: Infinity, lines: Infinity }

/** Every text beside the first entry that commits to it: notes, reasons, and what enforcers found. */
export function textsOf({ texts, entries }: ReadGrant, { characters }: Bounds): string {
  const ofSessions = new Set(entries.flatMap(({ entry }) => partsOf(entry)))
  const rows = [...texts]
    .filter(([commitment]) => !ofSessions.has(commitment))
    .flatMap(([commitment, text]) => {
      const first = entries.find(({ entry }) => saidIn(entry).includes(commitment))
      return first === undefined ? [] : [{ ...first, commitment, text }]
    })
    .toSorted((one, other) => one.index - other.index)
    .map(({ index, entry, commitment, text }) => [
      String(index),
      describe(entry),
      text === null ? `erased; ${visible(commitment)}` : quoted(text, characters),
    ])
  return table(['ENTRY', 'WHAT', 'SAYS'], rows)
}

/** What was done in the grant's sessions, one block for each report of it. */
export const sessionsOf = ({ texts, entries }: ReadGrant, bounds: Bounds) =>
  entries.flatMap(({ index, entry }) => {
    const report = witnessed(entry)
    if (report === null) return []
    const { what, parts, complete } = report
    const head = `SESSION ${visible(String(entry.target))}: ${visible(what)}, ${counted(parts.length, 'part')}, entry ${index}, ${clockTime(entry.at)}`
    const warning = complete
      ? []
      : ['INCOMPLETE: the enforcer says that more was done than it could record']
    return [[head, ...warning, ...linesOf(partsOf(entry), texts, bounds)].join('\n')]
  })

/** Parts follow each other without a break: a line may begin in one and end in the next. */
function linesOf(
  parts: readonly string[],
  texts: ReadGrant['texts'],
  { characters, lines: most }: Bounds,
): readonly string[] {
  const lines = runsOf(parts, texts).flatMap((run) =>
    typeof run === 'string'
      ? run.split('\n').map((line) => `  | ${clipped(line, characters)}`)
      : [`  ${run.missing}`],
  )
  if (lines.length <= most) return lines
  const rest = counted(lines.length - most, 'line')
  return [...lines.slice(0, most), `  and ${rest} more: --all shows them`]
}

type Run = string | Readonly<{ missing: string }>

function runsOf(parts: readonly string[], texts: ReadGrant['texts']): readonly Run[] {
  const runs: Run[] = []
  for (const part of parts) {
    const text = texts.get(part)
    const last = runs.at(-1)
    if (text === undefined)
      runs.push({ missing: `MISSING: the server did not show ${visible(part)}` })
    else if (text === null) runs.push({ missing: `erased; ${visible(part)}` })
    else if (typeof last === 'string') runs[runs.length - 1] = last + text
    else runs.push(text)
  }
  return runs
}

const quoted = (text: string, most: number): string => {
  const shown = [...text].slice(0, most)
  const rest = [...text].length - shown.length
  return rest > 0
    ? `"${visible(shown.join(''))}" and ${rest} characters more: --all shows them`
    : `"${visible(text)}"`
}

const clipped = (line: string, most: number): string => {
  const all = [...line]
  return all.length <= most
    ? visible(line)
    : `${visible(all.slice(0, most).join(''))} (and ${all.length - most} characters more: --all)`
}

function witnessed(entry: Entry): Extract<ReceiptDetail, { kind: 'witnessed' }> | null {
  if (entry.kind !== 'reported') return null
  const report = entry.report as unknown as ReceiptDetail
  return report.kind === 'witnessed' ? report : null
}

const partsOf = (entry: Entry): readonly string[] =>
  (witnessed(entry)?.parts ?? []).map(({ textCommitment }) => textCommitment)

/** The entry, and what its person or enforcer signed inside of it. */
const saidIn = (entry: Readonly<Record<string, Json>>): string =>
  [
    canonicalText(entry),
    ...Object.values(entry)
      .filter(isEnvelope)
      .map(({ payload }) => textOf(base64.decode(payload) ?? new Uint8Array()) ?? ''),
  ].join('\n')

import { isRefusalCode, refusals } from '@halligan/contract'
import type { Json } from '@halligan/core'
import type { CliRefusal } from '../refusal.ts'
import { visible } from './visible.ts'

/**
 * What went wrong and what to type next. For a code that this version knows, the words are its own: text from the server
 * is shown as data, never as advice (WB-19).
 */
export function refusalText(refusal: CliRefusal, grant = 'GRANT', command = ''): string {
  switch (refusal.kind) {
    case 'refused':
      return refusedText(refusal, grant)
    case 'deceived':
      return lines(
        `NOT TRUSTED (${refusal.code}): ${visible(refusal.detail)}`,
        'The answer of the server failed this check, so nothing was signed or opened after it.',
        'Tell the people who run Halligan, and the trustees.',
      )
    case 'unreachable':
      return lines(
        `No answer (${refusal.code}): ${visible(refusal.detail)}`,
        'Next: try again. The same act is counted once, however often it is sent.',
        ends(command) ? endingWithoutServer(grant, command) : '',
      )
    case 'usage':
    case 'failed':
    case 'cancelled':
      return lines(
        `${refusal.kind === 'cancelled' ? 'Stopped' : 'Not done'} (${refusal.code}): ${visible(refusal.detail)}`,
        refusal.next === '' ? '' : `Next: ${naming(grant, refusal.next)}`,
      )
  }
}

const ends = (command: string) => command === 'revoke' || command === 'return'

/** An end must not wait for a control plane: the enforcer takes it from the person's own hand (PROTOCOL 3.8 d). */
const endingWithoutServer = (grant: string, command: string) =>
  lines(
    'Or end it without the server:',
    `  halligan ${command} ${grant} --out FILE`,
    '  halligan enforcer end --dir DIR --act FILE    (on the host of the enforcer)',
  )

function refusedText(
  refusal: Extract<CliRefusal, { kind: 'refused' }>,
  grant: string,
): string {
  const { code } = refusal
  const { title, next } = isRefusalCode(code) ? refusals[code] : serverWords(refusal)
  return lines(
    `Refused (${visible(code)}): ${title}.`,
    ...factsOf(refusal.problem),
    `Next: ${naming(grant, next)}`,
  )
}

const naming = (grant: string, next: string) => next.replaceAll(/\bGRANT\b/g, grant)

const serverWords = ({ title, next }: Readonly<{ title: string; next: string }>) => ({
  title: visible(title),
  next: visible(next),
})

const told = new Set(['type', 'title', 'status', 'code', 'next', 'instance'])

/** The refusal's own facts, one a line; closed routes say what would open them. */
function factsOf(problem: Json): readonly string[] {
  if (typeof problem !== 'object' || problem === null) return []
  return Object.entries(problem)
    .filter(([name]) => !told.has(name))
    .flatMap(([name, value]) => factLines(visible(name), value as Json))
}

function factLines(name: string, value: Json): readonly string[] {
  if (name === 'closed' && Array.isArray(value)) return value.flatMap(closedLines)
  if (name === 'issues' && Array.isArray(value)) return value.map(issueLine)
  const plain = Array.isArray(value) && value.every((each) => typeof each === 'string')
  const text =
    typeof value === 'string' ? value : plain ? value.join('; ') : JSON.stringify(value)
  return [`  ${name}: ${visible(text)}`]
}

function issueLine(issue: Json): string {
  const { path, reason } = issue as Readonly<Record<string, Json>>
  return `  ${visible(String(path))}: ${visible(String(reason))}`
}

function closedLines(closed: Json): readonly string[] {
  const { route, forbids, reasons, opensIf } = closed as Readonly<Record<string, Json>>
  return [
    `  route ${visible(String(route))} is closed${asList(' by', forbids)}`,
    ...texts(reasons).map((reason) => `    because ${reason}`),
    ...texts(opensIf).map((way) => `    opens with ${way}`),
  ]
}

const texts = (value: Json | undefined): readonly string[] =>
  Array.isArray(value) ? value.map((text) => visible(String(text))) : []

const asList = (before: string, value: Json | undefined): string =>
  texts(value).length === 0 ? '' : `${before} ${texts(value).join(', ')}`

const lines = (...text: readonly string[]): string =>
  text.filter((line) => line !== '').join('\n')

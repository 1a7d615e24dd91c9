/**
 * What a person is about to sign, in words made from the very bytes that will be signed (AP-14). No text of the
 * server is part of it: free text is shown only where it opens a commitment that is inside.
 *
 * @module
 */
import type { Act, Digest, Json, Terms } from '@halligan/core'
import { canonicalBytes, parseStrict } from '@halligan/ledger'
import { clockTime, duration } from './duration.ts'
import { list } from './table.ts'
import { visible, visibleName } from './visible.ts'

export type Texts = ReadonlyMap<string, string | null>

/** The act whole, and the terms whole beneath it where it is bound to terms. */
export function statementText(act: Act, terms: Terms | null, texts: Texts): string {
  const shown = reread(act)
  const parts = [
    `You are about to sign: ${visibleName(shown.verb)}`,
    list(actRows(shown, texts)),
  ]
  if (terms !== null) parts.push('of these terms', list(termsRows(terms, texts)))
  return parts.join('\n')
}

/** Through the canonical bytes and back: what is shown is what is signed. */
function reread<T>(value: T): T {
  const parsed = parseStrict(canonicalBytes(value as Json))
  if (!parsed.ok) throw new Error(`cannot show what cannot be signed: ${parsed.error.code}`)
  return parsed.value as T
}

export type Rows = readonly (readonly [string, string])[]

function actRows(act: Act, texts: Texts): Rows {
  return [
    ['estate', visibleName(act.estate)],
    ['by', `${visibleName(act.by)} with key ${visibleName(act.keyId)}`],
    ['at', clockTime(act.at)],
    ...(act.grant === undefined ? [] : [['grant', visibleName(act.grant)] as const]),
    ...(act.termsDigest === undefined
      ? []
      : [['terms', visibleName(act.termsDigest)] as const]),
    ...bodyRows(act, texts),
  ]
}

function bodyRows(act: Act, texts: Texts): Rows {
  return Object.entries(act.body as Readonly<Record<string, Json>>)
    .filter(([name]) => name !== 'terms')
    .map(([name, value]) => [bodyLabel(name, value, texts), bodyValue(value, texts)])
}

/** A text that opens its commitment is named for what it is, e.g. `note`. */
const bodyLabel = (name: string, value: Json, texts: Texts): string =>
  visible(
    typeof value === 'string' && texts.has(value) ? name.replace(/Commitment$/, '') : name,
  )

function bodyValue(value: Json, texts: Texts): string {
  if (value === null || (Array.isArray(value) && value.length === 0)) return 'none'
  if (Array.isArray(value) && value.every((each) => typeof each === 'string'))
    return value.map(visibleName).join(', ')
  if (typeof value !== 'string') return visible(JSON.stringify(value))
  return texts.has(value) ? quoted(value as Digest, texts) : visible(value)
}

/** Every field of the terms. */
export function termsRows(given: Terms, texts: Texts): Rows {
  const terms = reread(given)
  const { route, lifeSeconds } = terms
  const groups = route.groups.map(visibleName).join(' or ')
  return [
    ['estate', visibleName(terms.estate)],
    ['grant', `${visibleName(terms.grant)}, revision ${terms.revision}`],
    ['requester', visibleName(terms.requester)],
    ['acts for', terms.actsFor?.map(visibleName).join(', ') ?? 'nobody else'],
    ['entitlement', visibleName(terms.entitlement)],
    ...terms.targets.flatMap(
      ({ target, enforcer, privileges }): Rows => [
        ['target', `${visibleName(target)}, at enforcer ${visibleName(enforcer)}`],
        ...privileges.map((privilege) => ['privilege', visibleName(privilege)] as const),
      ],
    ),
    ['route', `${visibleName(route.name)}: ${approvals(route.approvals, groups)}`],
    ['life', `${lifeSeconds} seconds (${duration(lifeSeconds * 1000)}) from activation`],
    ['incident', visibleName(terms.incident)],
    ['reason', quoted(terms.reasonCommitment, texts)],
  ]
}

const approvals = (count: number, groups: string): string =>
  count === 0 ? 'no approval' : `${count} approval${count === 1 ? '' : 's'} from ${groups}`

/** The text behind a commitment. Whole: a reader must be able to reach all of it (RQ-10). */
function quoted(commitment: string, texts: Texts): string {
  const text = texts.get(commitment)
  if (text === null) return `erased; ${visible(commitment)}`
  return text === undefined ? visible(commitment) : `"${visible(text)}"`
}

/**
 * One value, one spelling: canonical JSON as RFC 8785 (JCS) defines it.
 *
 * There are two ways in. `parseStrict` reads foreign text and refuses whatever two parsers could read
 * differently; {@link parseCanonical} reads signed bytes and refuses whatever does not re-canonicalise to
 * itself. What comes out of either is the value that everything after decides on and executes (PO-08).
 *
 * @module
 */
import { type Json, ok, type Result, refuse } from '@halligan/core'
import { textOf, utf8 } from './bytes.ts'
import {
  defaultLimits,
  isForbiddenKey,
  isSafe,
  type ParseRefusal,
  type ParseRefusalCode,
} from './strict-parser.ts'

/**
 * RFC 8785 text of `value`. Throws `TypeError` for what JSON cannot say: NaN, infinities, `undefined`,
 * lone surrogates, anything but plain data.
 */
export function canonicalText(value: Json): string {
  switch (typeof value) {
    case 'string':
      return quoted(value)
    case 'number':
      if (!Number.isFinite(value)) throw new TypeError(`not JSON: ${value}`)
      // ECMAScript's own number-to-string is what RFC 8785 section 3.2.2.3 prescribes; -0 is 0.
      return String(value)
    case 'boolean':
      return value ? 'true' : 'false'
    case 'object':
      if (value === null) return 'null'
      return isArray(value) ? arrayText(value) : objectText(value)
    default:
      throw new TypeError(`not JSON: ${typeof value}`)
  }
}

export const canonicalBytes = (value: Json): Uint8Array => utf8(canonicalText(value))

/**
 * JSON that must be its own canonical form, byte for byte. The native parser may read it, because whatever
 * it reads differently from the strict one (a duplicate key, a rounded number) does not come back the same.
 */
export function parseCanonical(
  source: string | Uint8Array,
  depth: number = defaultLimits.depth,
): Result<Json, ParseRefusal> {
  const text = typeof source === 'string' ? source : textOf(source)
  if (text === null) return no('not_utf8', 'not UTF-8')
  const parsed = parseNatively(text)
  if (!parsed.ok) return parsed
  const why = whyNotStrict(parsed.value, depth)
  if (why !== null) return no(why, 'not strict JSON')
  if (canonicalText(parsed.value) !== text)
    return no('not_canonical', 'not in canonical form (RFC 8785)')
  return parsed
}

function parseNatively(text: string): Result<Json, ParseRefusal> {
  try {
    return ok(JSON.parse(text))
  } catch (error) {
    if (error instanceof SyntaxError) return no('malformed_json', error.message)
    throw error
  }
}

/** Whether `value`, however it was made, has a canonical form that the strict parser reads. */
export const isStrict = (value: Json): boolean =>
  whyNotStrict(value, defaultLimits.depth) === null

function whyNotStrict(value: Json, depth: number): ParseRefusalCode | null {
  if (typeof value === 'string') return value.isWellFormed() ? null : 'lone_surrogate'
  if (typeof value === 'number') return isSafe(value) ? null : 'unsafe_number'
  if (value === null || typeof value !== 'object') return null
  if (depth === 0) return 'too_deep'
  if (isArray(value)) return firstWhy(value, depth)
  for (const key of Object.keys(value)) {
    if (isForbiddenKey(key)) return 'forbidden_key'
    if (!key.isWellFormed()) return 'lone_surrogate'
  }
  return firstWhy(Object.values(value), depth)
}

function firstWhy(members: readonly Json[], depth: number): ParseRefusalCode | null {
  for (const member of members) {
    const why = whyNotStrict(member, depth - 1)
    if (why !== null) return why
  }
  return null
}

function quoted(text: string): string {
  if (!text.isWellFormed()) throw new TypeError('not JSON: a lone surrogate')
  return JSON.stringify(text)
}

function arrayText(items: readonly Json[]): string {
  let text = '['
  for (let i = 0; i < items.length; i++)
    text += (i === 0 ? '' : ',') + canonicalText(items[i] as Json)
  return `${text}]`
}

type JsonObject = Readonly<Record<string, Json>>

const objectText = (value: JsonObject): string =>
  `{${membersText(value, sortedKeys(value))}}`

/** The default order of `sort` is by UTF-16 code units, as RFC 8785 section 3.2.3 demands. */
export const sortedKeys = (value: JsonObject): string[] => Object.keys(value).sort()

/** What stands between the braces of an object that has these members alone. */
export function membersText(value: JsonObject, keys: readonly string[]): string {
  let text = ''
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i] as string
    text += `${i === 0 ? '' : ','}${quoted(key)}:${canonicalText(value[key] as Json)}`
  }
  return text
}

/** `Array.isArray` does not narrow readonly arrays away. */
const isArray = (value: object): value is readonly Json[] => Array.isArray(value)

const no = (code: ParseRefusalCode, reason: string) =>
  refuse({ code, at: 0, reason } as const)

/**
 * What a parsed document may look like. A shape says what is wrong, and where, or null; it names every
 * member a type has, so that an unknown field is refused everywhere and a new one does not compile.
 *
 * @module
 */
import { isSlug, type Json, ok, parseGrantId, type Result, refuse } from '@halligan/core'
import { base64url } from './base64.ts'
import { isDigest } from './digest.ts'
import { isEnvelope } from './envelope.ts'

/** Null when `value` fits; otherwise what was expected at `where`, in words. */
export type Shape = (value: Json, where: string) => string | null

/** `where` is a path like `body.terms.targets[0].target`; empty is the document itself. */
export type Misshapen = Readonly<{ code: 'misshapen'; reason: string }>

/** The only cast from checked JSON to the type that its shape spells out. */
export function parseAs<T>(shape: Shape, value: Json): Result<T, Misshapen> {
  const reason = shape(value, '')
  return reason === null ? ok(value as T) : refuse({ code: 'misshapen', reason })
}

type OptionalKeys<T> = {
  [K in keyof T]-?: Record<never, never> extends Pick<T, K> ? K : never
}[keyof T] &
  string

/** Exactly the members of `T`; those named after may be absent, and never null instead. */
export function object<T>(
  fields: Readonly<Record<keyof T & string, Shape>>,
  ...optional: readonly OptionalKeys<T>[]
): Shape {
  const shapes: ReadonlyMap<string, Shape> = new Map(Object.entries<Shape>(fields))
  const required = [...shapes.keys()].filter(
    (key) => !(optional as readonly string[]).includes(key),
  )
  return (value, where) => {
    if (!isRecord(value)) return expected('an object', where)
    const missing = required.find((key) => !Object.hasOwn(value, key))
    if (missing !== undefined) return expected('this member', under(where, missing))
    for (const [key, member] of Object.entries(value)) {
      const shape = shapes.get(key)
      if (shape === undefined) return expected('no such member', under(where, key))
      const reason = shape(member, under(where, key))
      if (reason !== null) return reason
    }
    return null
  }
}

export const listOf =
  (item: Shape, limits: { min?: number; max: number }): Shape =>
  (value, where) => {
    if (!isList(value)) return expected('a list', where)
    const { min = 0, max } = limits
    if (value.length < min || value.length > max)
      return expected(`${min} to ${max} items`, where)
    return firstReason(value, (member, i) => item(member, `${where}[${i}]`))
  }

/** A list in ascending order of UTF-16 code units, each member once. */
export const sortedListOf =
  (item: Shape, limits: { min?: number; max: number }): Shape =>
  (value, where) => {
    const reason = listOf(item, limits)(value, where)
    if (reason !== null) return reason
    const sorted = [...new Set(value as readonly string[])].sort()
    return sorted.join('\n') === (value as readonly string[]).join('\n')
      ? null
      : expected('a sorted list without repetition', where)
  }

export const mapOf =
  (key: (text: string) => boolean, member: Shape): Shape =>
  (value, where) => {
    if (!isRecord(value)) return expected('an object', where)
    return firstReason(Object.entries(value), ([name, item]) =>
      key(name) ? member(item, under(where, name)) : expected('an id', under(where, name)),
    )
  }

export const nullable =
  (shape: Shape): Shape =>
  (value, where) =>
    value === null ? null : shape(value, where)

export const oneOf = (...values: readonly (string | number | boolean)[]): Shape =>
  check(`one of ${values.join(', ')}`, (value) => values.includes(value as string))

export const integer = (min: number, max: number = Number.MAX_SAFE_INTEGER): Shape =>
  check(
    `an integer from ${min} to ${max}`,
    (value) =>
      Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max,
  )

/** Printable: no control character, so that what is shown is what is signed. */
export const text = (max: number): Shape =>
  check(
    `1 to ${max} printable characters`,
    (value) =>
      isText(value) && value.length >= 1 && value.length <= max && isPrintable(value),
  )

/** base64url of exactly `length` bytes */
export const bytes = (length: number): Shape =>
  check(
    `base64url of ${length} bytes`,
    (value) => isText(value) && base64url.decode(value)?.length === length,
  )

export const slug = check('an id', (value) => isText(value) && isSlug(value))
export const grantId = check(
  'a grant id',
  (value) => isText(value) && parseGrantId(value).ok,
)
export const digest = check('a digest', (value) => isText(value) && isDigest(value))
export const keyId = check(
  'a key id',
  (value) => isText(value) && /^ed25519:[0-9a-f]{32}$/.test(value),
)
export const instant = integer(0)
export const flag = check('true or false', (value) => typeof value === 'boolean')
export const envelope = check('a DSSE envelope', isEnvelope)
/** base64url of any bytes: a server-made opaque token. */
export const token = check(
  'an opaque token',
  (value) => isText(value) && value.length <= 256 && /^[A-Za-z0-9_-]+$/.test(value),
)

function check(what: string, fits: (value: Json) => boolean): Shape {
  return (value, where) => (fits(value) ? null : expected(what, where))
}

function firstReason<T>(
  items: readonly T[],
  why: (item: T, index: number) => string | null,
): string | null {
  for (const [i, item] of items.entries()) {
    const reason = why(item, i)
    if (reason !== null) return reason
  }
  return null
}

export const isRecord = (value: Json): value is { readonly [key: string]: Json } =>
  typeof value === 'object' && value !== null && !isList(value)

const isList = (value: Json): value is readonly Json[] => Array.isArray(value)
const isText = (value: Json): value is string => typeof value === 'string'
const isPrintable = (value: string): boolean => !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(value)
const under = (where: string, key: string): string =>
  where === '' ? key : `${where}.${key}`
const expected = (what: string, where: string): string => `${where || 'document'}: ${what}`

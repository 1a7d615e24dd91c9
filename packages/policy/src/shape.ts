/**
 * Strict readers of plain JSON values. A shape returns the value it understood and reports every
 * thing it did not; one report is enough to refuse the whole.
 *
 * @module
 */
import { isSlug } from '@halligan/core'

export type Path = readonly (string | number)[]
export type Report = (at: Path, reason: string) => void

/** Returns undefined exactly when it has reported something. */
export type Shape<T> = (value: unknown, at: Path, report: Report) => T | undefined

export type Fields = Readonly<Record<string, Shape<unknown>>>
type Read<S> = S extends Shape<infer T> ? T : never

/** A record of exactly these fields, of which those named in `optional` may be missing. */
export type RecordOf<F extends Fields, O extends keyof F = never> = Readonly<
  { [K in Exclude<keyof F, O>]: Read<F[K]> } & { [K in O]?: Read<F[K]> }
>

export const limits = { items: 256, text: 200 } as const

export function record<const F extends Fields>(fields: F): Shape<RecordOf<F>>
export function record<const F extends Fields, const O extends keyof F & string>(
  fields: F,
  optional: readonly O[],
): Shape<RecordOf<F, O>>
export function record<const F extends Fields, const O extends keyof F & string>(
  fields: F,
  optional: readonly O[] = [],
): Shape<RecordOf<F, O>> {
  const mayMiss: readonly string[] = optional
  return (value, at, report) => {
    if (!isRecord(value)) return wrong(at, report, 'a mapping is expected')
    const unknown = Object.keys(value).filter((key) => !Object.hasOwn(fields, key))
    for (const key of unknown) report([...at, key], `unknown field ${quoted(key)}`)
    let whole = unknown.length === 0
    const read: Record<string, unknown> = {}
    for (const [key, shape] of Object.entries(fields)) {
      if (!Object.hasOwn(value, key)) {
        if (mayMiss.includes(key)) continue
        report(at, `field ${quoted(key)} is missing`)
        whole = false
        continue
      }
      const field = shape(value[key], [...at, key], report)
      if (field === undefined) whole = false
      else read[key] = field
    }
    return whole ? (read as RecordOf<F, O>) : undefined
  }
}

/** Any number of entries, their keys slugs. */
export function mapOf<T>(shape: Shape<T>): Shape<Readonly<Record<string, T>>> {
  return (value, at, report) => {
    if (!isRecord(value)) return wrong(at, report, 'a mapping is expected')
    const keys = Object.keys(value)
    if (keys.length > limits.items)
      return wrong(at, report, `more than ${limits.items} entries`)
    const read = keys.map((key) => {
      const name = slug(key, [...at, key], report)
      const entry = shape(value[key], [...at, key], report)
      return name === undefined || entry === undefined
        ? undefined
        : ([name, entry] as const)
    })
    const whole = read.filter((entry) => entry !== undefined)
    return whole.length === keys.length ? Object.fromEntries(whole) : undefined
  }
}

export function listOf<T>(shape: Shape<T>, least = 0): Shape<readonly T[]> {
  return (value, at, report) => {
    if (!Array.isArray(value)) return wrong(at, report, 'a list is expected')
    if (value.length < least) return wrong(at, report, `at least ${least} expected`)
    if (value.length > limits.items)
      return wrong(at, report, `more than ${limits.items} items`)
    const read = value.map((item, index) => shape(item, [...at, index], report))
    const whole = read.filter((item) => item !== undefined)
    return whole.length === value.length ? whole : undefined
  }
}

/** A list in which nothing stands twice. */
export function setOf<T extends string>(shape: Shape<T>, least = 0): Shape<readonly T[]> {
  const list = listOf(shape, least)
  return (value, at, report) => {
    const items = list(value, at, report)
    const twice = items?.find((item, index) => items.indexOf(item) !== index)
    return twice === undefined ? items : wrong(at, report, `${quoted(twice)} stands twice`)
  }
}

/** An id as core knows ids: nothing is trimmed, folded or decoded (ID-02, PO-08). */
export const slug: Shape<string> = (value, at, report) =>
  typeof value === 'string' && isSlug(value)
    ? value
    : wrong(at, report, `${quoted(value)} is not an id: lower-case ASCII, like payments-db`)

export const text: Shape<string> = (value, at, report) =>
  typeof value === 'string' && value.length <= limits.text
    ? value
    : wrong(at, report, `text of at most ${limits.text} characters is expected`)

export const flag: Shape<boolean> = (value, at, report) =>
  typeof value === 'boolean' ? value : wrong(at, report, 'true or false is expected')

export const whole =
  (least: number, most: number = Number.MAX_SAFE_INTEGER): Shape<number> =>
  (value, at, report) =>
    Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= most
      ? Number(value)
      : wrong(at, report, `a whole number from ${least} to ${most} is expected`)

export const oneOf =
  <const T extends string>(...names: readonly T[]): Shape<T> =>
  (value, at, report) =>
    names.find((name) => name === value) ??
    wrong(at, report, `${quoted(value)} is none of ${names.join(', ')}`)

/** The same fields, each of which may be missing. */
export const partial = <const F extends Fields>(fields: F) =>
  record(fields, Object.keys(fields) as (keyof F & string)[])

const wrong = (at: Path, report: Report, reason: string): undefined => {
  report(at, reason)
  return undefined
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Escaped and cut short, since it may be an attacker's. */
const quoted = (value: unknown): string => {
  const shown = JSON.stringify(value) ?? String(value)
  return shown
    .slice(0, 80)
    .replace(
      /[^\x20-\x7e]/g,
      (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
    )
}

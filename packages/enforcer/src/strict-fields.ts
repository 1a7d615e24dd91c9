/** A configuration an operator has to change, in words for the operator. */
export class BadSettings extends Error {
  override readonly name = 'BadSettings'
}

type Check = (value: unknown) => boolean

/**
 * `value` as an object of exactly these fields, each passing its check; `null` checks mark optional ones with `perhaps`.
 * Throws {@link BadSettings} naming the field: an unknown one is refused, for a guard that is misread guards nothing.
 */
export function strictFields(
  where: string,
  value: unknown,
  checks: Readonly<Record<string, Check>>,
): Readonly<Record<string, unknown>> {
  if (!isRecord(value)) throw new BadSettings(`${where}: an object is expected`)
  for (const name of Object.keys(value))
    if (!Object.hasOwn(checks, name))
      throw new BadSettings(`${where}: unknown field ${name}`)
  for (const [name, fits] of Object.entries(checks))
    if (!fits(value[name]))
      throw new BadSettings(
        `${where}.${name} is ${value[name] === undefined ? 'missing' : 'malformed'}`,
      )
  return value
}

export const perhaps =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value)

export const isText: Check = (value) => typeof value === 'string' && value.length > 0

export const isTexts: Check = (value) => Array.isArray(value) && value.every(isText)

export const isCount =
  (least: number): Check =>
  (value) =>
    Number.isSafeInteger(value) && Number(value) >= least

export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

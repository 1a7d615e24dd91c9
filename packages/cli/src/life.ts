import { floor, ok, type Result } from '@halligan/core'
import { type LocalRefusal, usage } from './refusal.ts'

const unitSeconds = { s: 1, m: 60, h: 3600 } as const

/** `90`, `90s`, `15m`, `1h` in whole seconds; null for anything else. */
export function parseLife(text: string): number | null {
  const [, digits, unit = 's'] = /^([1-9][0-9]{0,5})([smh])?$/.exec(text) ?? []
  return digits === undefined
    ? null
    : Number(digits) * unitSeconds[unit as keyof typeof unitSeconds]
}

/** The life that `--life` asks for, within what any grant may last; each route and policy may allow less. */
export function grantLife(text: string): Result<number, LocalRefusal> {
  const seconds = parseLife(text)
  if (seconds === null)
    return usage('malformed_life', `${text} is not a time`, 'use 90s, 15m or 1h')
  if (seconds <= floor.maxLifeSeconds) return ok(seconds)
  return usage(
    'life_out_of_range',
    `${text} is longer than any grant lasts: at most ${mostHours}`,
    `give --life ${mostHours} or less; each route has its own limit: halligan check`,
  )
}

const mostHours = `${floor.maxLifeSeconds / unitSeconds.h}h`

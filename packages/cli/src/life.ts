const unitSeconds = { s: 1, m: 60, h: 3600 } as const

/** `90`, `90s`, `15m`, `1h` in whole seconds; null for anything else. */
export function parseLife(text: string): number | null {
  const [, digits, unit = 's'] = /^([1-9][0-9]{0,5})([smh])?$/.exec(text) ?? []
  return digits === undefined
    ? null
    : Number(digits) * unitSeconds[unit as keyof typeof unitSeconds]
}

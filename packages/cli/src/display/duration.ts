/** `millis` as `4m 05s`, `1h 02m`, `3d 4h`; `0s` once it has passed. */
export function duration(millis: number): string {
  const seconds = Math.max(0, Math.ceil(millis / 1000))
  const pad = (part: number) => String(part).padStart(2, '0')
  const [minutes, hours, days] = [60, 3600, 86_400].map((unit) =>
    Math.floor(seconds / unit),
  )
  if (days) return `${days}d ${(hours ?? 0) % 24}h`
  if (hours) return `${hours}h ${pad((minutes ?? 0) % 60)}m`
  if (minutes) return `${minutes}m ${pad(seconds % 60)}s`
  return `${seconds}s`
}

/** `in 4m 05s`, or `12s ago`. */
export const fromNow = (at: number, now: number): string =>
  at > now ? `in ${duration(at - now)}` : `${duration(now - at)} ago`

export const clockTime = (at: number): string => new Date(at).toISOString()

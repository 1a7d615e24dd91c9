import type { Facts, Instant } from '@halligan/core'

const weekdays = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']

/** What the clock on the wall says in `zone` (an IANA name) at `at`. Throws RangeError for no zone. */
export function localTime(zone: string, at: Instant): Facts['time'] {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  })
  const parts = new Map(format.formatToParts(at).map(({ type, value }) => [type, value]))
  return {
    zone,
    weekday: weekdays.indexOf(parts.get('weekday') ?? '') + 1,
    minuteOfDay: Number(parts.get('hour')) * 60 + Number(parts.get('minute')),
  }
}

export function isZone(zone: string): boolean {
  try {
    return localTime(zone, 0 as Instant).weekday > 0
  } catch (error) {
    if (error instanceof RangeError) return false
    throw error
  }
}

import type { Facts, Instant } from '@halligan/core'

const weekdays = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']

/** What the clock on the wall says in `zone` (an IANA name) at `at`. Throws RangeError for no zone. */
export function localTime(zone: string, at: Instant): Facts['time'] {
  const clock = clocks.get(zone) ?? clockIn(zone)
  const parts = new Map(clock.formatToParts(at).map(({ type, value }) => [type, value]))
  return {
    zone,
    weekday: weekdays.indexOf(parts.get('weekday') ?? '') + 1,
    minuteOfDay: Number(parts.get('hour')) * 60 + Number(parts.get('minute')),
  }
}

/** Slow to make, and at most as many as the world has zones. */
const clocks = new Map<string, Intl.DateTimeFormat>()

function clockIn(zone: string): Intl.DateTimeFormat {
  const clock = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  })
  clocks.set(zone, clock)
  return clock
}

export function isZone(zone: string): boolean {
  try {
    return localTime(zone, 0 as Instant).weekday > 0
  } catch (error) {
    if (error instanceof RangeError) return false
    throw error
  }
}

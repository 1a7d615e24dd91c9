import type { Instant } from '@halligan/core'
import { expect, test } from 'vitest'
import { isZone, localTime } from './local-time.ts'

const at = (iso: string) => Date.parse(iso) as Instant

test.each([
  ['Europe/Berlin', '2026-03-29T00:59:00Z', 7, 119],
  ['Europe/Berlin', '2026-03-29T01:00:00Z', 7, 180],
  ['Europe/Berlin', '2026-10-25T00:30:00Z', 7, 150],
  ['Europe/Berlin', '2026-10-25T01:30:00Z', 7, 150],
  ['Asia/Kathmandu', '2026-01-04T18:15:00Z', 1, 0],
  ['Etc/UTC', '1970-01-01T00:00:00Z', 4, 0],
])('in %s at %s it is weekday %d, minute %d', (zone, iso, weekday, minuteOfDay) => {
  expect(localTime(zone, at(iso))).toEqual({ zone, weekday, minuteOfDay })
})

test('a zone that no map knows is none', () => {
  expect(isZone('Europe/Atlantis')).toBe(false)
})

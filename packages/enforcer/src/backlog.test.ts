import type { Instant } from '@halligan/core'
import { expect, test } from 'vitest'
import { acceptMany, massWorld, passAtOnce } from '../test/mass.ts'
import { createBacklogWatch } from './backlog.ts'
import type { Clocks } from './deadline.ts'
import { mostHoldsNamed, obey } from './local-commands.ts'
import type { Note } from './ports.ts'

/** A watch at a clock that a test sets, in seconds, and what it said. */
function watched() {
  const notes: Note[] = []
  const watch = createBacklogWatch((note) => notes.push(note))
  const at = (seconds: number): Clocks => ({
    ...{ bootId: 'boot-1', bootMillis: seconds * 1000, wall: seconds as Instant },
    synchronised: true,
  })
  const prove = (count: number, seconds: number) => {
    for (let n = 0; n < count; n++) watch.proven(at(seconds))
  }
  const said = () => notes.map(({ what }) => what)
  return { watch, at, prove, said, notes }
}

test('L-01 the rate is that of the last minute, or since it began, and the estimate follows', () => {
  const { watch, at, prove } = watched()
  watch.watch(1000, at(0))
  expect(watch.read(1000, at(1))).toEqual({
    ...{ endsOpen: 1000, provenPerMinute: 0, etaSeconds: null },
  })
  prove(100, 5)
  expect(watch.read(900, at(10))).toEqual({
    ...{ endsOpen: 900, provenPerMinute: 600, etaSeconds: 90 },
  })
  expect(watch.read(900, at(60)).provenPerMinute).toBe(100)
  expect(watch.read(900, at(65)).etaSeconds).toBe(null)
  expect(watch.read(0, at(10)).etaSeconds).toBe(null)
})

test('L-01 that the last end comes too late is said once, and once that it is over', () => {
  const { watch, at, prove, said, notes } = watched()
  watch.watch(10_000, at(0))
  for (let second = 1; second < 60; second++) {
    prove(10, second)
    watch.watch(10_000 - 10 * second, at(second))
  }
  expect(said()).toEqual(['ends_late'])
  expect(notes[0]).toMatchObject({ level: 'alarm', sloSeconds: 60, provenPerMinute: 600 })
  watch.watch(400, at(60))
  expect(said()).toEqual(['ends_late'])
  watch.watch(0, at(61))
  watch.watch(0, at(62))
  expect(said()).toEqual(['ends_late', 'ends_in_time'])
  watch.watch(10_000, at(200))
  watch.watch(10_000, at(261))
  expect(said()).toEqual(['ends_late', 'ends_in_time', 'ends_late'])
})

test('what ends within the minute is worth no alarm, and what stands still for one is', () => {
  const { watch, at, prove, said } = watched()
  watch.watch(500, at(0))
  for (let second = 1; second < 50; second++) {
    prove(10, second)
    watch.watch(500 - 10 * second, at(second))
  }
  watch.watch(0, at(50))
  expect(said()).toEqual([])
  watch.watch(1, at(100))
  watch.watch(1, at(159))
  expect(said()).toEqual([])
  watch.watch(1, at(200))
  expect(said()).toEqual(['ends_late'])
})

test('L-01 status tells the backlog, names a thousand at most, and counts all', async () => {
  const it = await massWorld()
  it.estate.down = true
  acceptMany(it.site, mostHoldsNamed + 20, 600_000)
  acceptMany(it.site, 20, 4000, 5000)
  it.daemon.due.look()
  await it.daemon.idle()
  const status = async () => {
    const answer = await obey(it.site, it.daemon.due, { command: 'status' })
    if (!answer.ok) throw new Error(answer.code)
    return answer.value as Readonly<{ backlog: unknown; holds: { phase: string }[] }>
  }
  expect(await status()).toMatchObject({ backlog: { endsOpen: 0, etaSeconds: null } })
  await passAtOnce(it, 4000)
  const during = await status()
  expect(during).toMatchObject({
    ...{ backlog: { endsOpen: 20, etaSeconds: null }, holdsInAll: mostHoldsNamed + 40 },
  })
  expect(during.holds).toHaveLength(mostHoldsNamed)
  expect(during.holds.filter(({ phase }) => phase === 'ending')).toHaveLength(20)
  it.gate.pass(4)
  await passAtOnce(it, 2000)
  expect(await status()).toMatchObject({
    ...{ backlog: { endsOpen: 16, provenPerMinute: 120, etaSeconds: 8 } },
  })
  await passAtOnce(it, 60_000)
  expect(it.host.notes.filter(({ what }) => what === 'ends_late')).toHaveLength(1)
  it.gate.open()
  for (let second = 0; second < 20; second++) await passAtOnce(it, 1000)
  expect(await status()).toMatchObject({ backlog: { endsOpen: 0 } })
  expect(it.host.notes.filter(({ what }) => what === 'ends_in_time')).toHaveLength(1)
})

import { expect, test } from 'vitest'
import { grantNamed, targetName } from '../test/host.ts'
import { acceptMany, type MassWorld, massWorld, passAtOnce, turns } from '../test/mass.ts'
import { accept } from '../test/run.ts'
import { boot, sync } from '../test/world.ts'
import { beginEnd, mostBegunAtOnce } from './begin-end.ts'
import { hasAccess } from './connectors/fake.ts'
import { usualDaemonPace } from './daemon.ts'
import { endAll } from './end-locally.ts'
import { obey } from './local-commands.ts'

const [ada, ben, cy] = [grantNamed('x'), grantNamed('y'), grantNamed('z')]

const life = 4000
const long = 600_000
/** How many ends one target is asked for at once, where its connector says nothing else. */
const width = 2 * usualDaemonPace.laneWidth

/** So many on the target, all due at one instant, and only the first few of them asked for: the rest waits. */
async function massExpiry(
  count: number,
  before: (it: MassWorld) => void = () => {},
): Promise<MassWorld> {
  const it = await massWorld()
  await sync(it)
  it.estate.down = true
  acceptMany(it.site, count, life)
  before(it)
  it.daemon.due.look()
  await it.daemon.idle()
  await passAtOnce(it, life)
  for (let portion = 0; portion < count; portion += mostBegunAtOnce) await passAtOnce(it, 1)
  expect(it.gate.begun).toHaveLength(width)
  return it
}

const stands = (it: MassWorld, grant = ada) => hasAccess(it.host.target, grant)

const openLong = (it: MassWorld) => accept(it.site, ada, undefined, targetName, long)

test('L-01 INV-18 what a person ends at the enforcer goes before all that are only due', async () => {
  const it = await massExpiry(300, openLong)
  await obey(it.site, it.daemon.due, { command: 'end', grant: ada })
  it.daemon.due.look()
  it.gate.pass(1)
  await turns()
  expect(it.gate.begun.slice(width)).toEqual([ada])
  it.gate.open()
  await it.daemon.idle()
  expect(it.host.target.logins.filter(({ canLogin }) => canLogin)).toEqual([])
})

test('L-01 what is due already goes first once a person ends it at the enforcer', async () => {
  const it = await massExpiry(300)
  const waits = it.host.books.unfinished()[200]?.grant ?? ada
  await obey(it.site, it.daemon.due, { command: 'end', grant: waits })
  it.gate.pass(1)
  await turns()
  expect(it.gate.begun.slice(width)).toEqual([waits])
})

test('L-01 an order to revoke goes before what is due, one that only says that time is up does not', async () => {
  const it = await massExpiry(100, (world) => {
    for (const grant of [ada, ben]) accept(world.site, grant, undefined, targetName, long)
  })
  it.estate.down = false
  it.estate.ends.push(
    { order: it.estate.end(ben, 'expired') },
    { order: it.estate.end(ada, 'revoked') },
  )
  it.daemon.wake()
  await turns()
  it.estate.down = true
  it.gate.pass(1)
  await turns()
  expect(it.gate.begun.slice(width)).toEqual([ada])
  it.gate.open()
  await it.daemon.idle()
  expect(it.gate.begun.indexOf(ben)).toBe(101)
})

test('L-01 the kill switch goes before what is due', async () => {
  const it = await massExpiry(300, openLong)
  await endAll(it.site)
  it.daemon.due.look()
  it.gate.pass(1)
  await turns()
  expect(it.gate.begun.slice(width)).toEqual([ada])
})

test('L-01 K-10 what was asked for goes first after a crash too', async () => {
  const it = await massExpiry(60, openLong)
  beginEnd(it.site, { grant: ada, target: targetName }, 'local_root')
  it.daemon.due.stop()
  it.host.scheduler.clear()
  const { connectors } = it.site
  await boot(it.host, it.estate, { connectors })
  await turns()
  // The others are asked for sooner: for them it is on the books already that they were.
  expect(it.gate.begun.slice(width)).toHaveLength(width)
  expect(it.gate.begun.slice(width)).toContain(ada)
})

test('L-01 among those that are due, the longest due goes first and what was never open last', async () => {
  const it = await massWorld()
  acceptMany(it.site, 40, life)
  accept(it.site, ben, undefined, targetName, life / 2)
  it.daemon.due.look()
  await it.daemon.idle()
  // Accepted, and the target not asked for it yet.
  accept(it.site, cy, undefined, targetName, 1)
  await passAtOnce(it, life)
  it.gate.open()
  await it.daemon.idle()
  expect(it.gate.begun).toHaveLength(42)
  expect([it.gate.begun[0], it.gate.begun.at(-1)]).toEqual([ben, cy])
})

test('L-01 an opening that arrives in the middle is applied while all the rest still waits', async () => {
  const it = await massExpiry(200)
  it.estate.down = false
  it.estate.grant(ben)
  it.daemon.wake()
  await turns()
  expect(stands(it, ben)).toBe(true)
  expect(it.gate.begun).toHaveLength(width)
})

test('L-01 ends that hang again and again keep nothing out that was never tried', async () => {
  const sick = new Set<string>()
  const it = await massWorld((well) => ({
    ...well,
    end: (grant, target) =>
      sick.has(grant) ? new Promise<never>(() => {}) : well.end(grant, target),
  }))
  it.estate.down = true
  it.gate.open()
  for (const grant of acceptMany(it.site, 3 * width, life)) sick.add(grant)
  const well = acceptMany(it.site, 100, 300_000, 1000)
  it.daemon.due.look()
  await it.daemon.idle()
  await passAtOnce(it, life)
  for (let passed = life; passed < 299_000; passed += 1000) await passAtOnce(it, 1000)
  const tries = it.gate.begun.length
  // Each was given up once, by its patience alone: what hangs now was tried before.
  expect(new Set(it.gate.begun)).toEqual(sick)
  expect(tries).toBeGreaterThan(sick.size)
  await passAtOnce(it, 1000)
  await turns(600)
  expect(well.filter((grant) => stands(it, grant))).toEqual([])
  expect(it.gate.begun.slice(tries).filter((grant) => !sick.has(grant))).toEqual(well)
})

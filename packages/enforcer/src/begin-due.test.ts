import { describe, expect, test } from 'vitest'
import { createHost, grantNamed, type Host, targetName } from '../test/host.ts'
import { acceptMany, massWorld, turns } from '../test/mass.ts'
import { accept, kinds, pass, run } from '../test/run.ts'
import { beginEnd, mostBegunAtOnce } from './begin-end.ts'
import { connectFake, createFakeTarget } from './connectors/fake.ts'
import { usualDaemonPace } from './daemon.ts'
import { endAll } from './end-locally.ts'
import type { Site } from './site.ts'

const count = 3 * mostBegunAtOnce + 50
const life = 4000

const inPhase = ({ books }: Pick<Host, 'books'>, phase: string) =>
  books.unfinished().filter((hold) => hold.phase === phase)

const begun = (host: Host) =>
  host.books
    .outgoing(10 * count)
    .filter(({ delivery }) =>
      Buffer.from(delivery.receipt.payload, 'base64').includes('"kind":"ending"'),
    )

/** All applied, and due at once at the next look. */
async function due() {
  const host = createHost()
  const site = host.boot()
  acceptMany(site, count, life)
  const { loop, broken } = run(site)
  await loop.idle()
  expect(inPhase(host, 'applied')).toHaveLength(count)
  host.clock.pass(life)
  return { host, site, loop, broken }
}

describe('L-01 very many that are due at once', () => {
  test('are begun a few at a time, each once, and all are ended', async () => {
    const { host, loop, broken } = await due()
    loop.look()
    expect(inPhase(host, 'ending')).toHaveLength(mostBegunAtOnce)
    loop.look()
    expect(inPhase(host, 'ending')).toHaveLength(mostBegunAtOnce)
    await pass(host, loop, 10_000)
    expect(host.target.logins).toEqual([])
    expect(host.books.unfinished()).toEqual([])
    expect(begun(host)).toHaveLength(count)
    expect(broken).toEqual([])
  })

  test('are ended after a crash between two portions', async () => {
    const { host, loop } = await due()
    loop.look()
    expect(inPhase(host, 'applied')).toHaveLength(count - mostBegunAtOnce)
    loop.stop()
    host.scheduler.clear()
    const again = run(host.boot())
    await pass(host, again.loop, 10_000)
    expect(host.target.logins).toEqual([])
    expect(begun(host)).toHaveLength(count)
  })

  test('are ended although a clock that is set back says that they are not due any more', async () => {
    const { host, loop } = await due()
    loop.look()
    host.clock.stepWall(-20_000)
    await pass(host, loop, 10_000)
    expect(host.target.logins).toEqual([])
  })

  test('INV-25 keep no other target waiting, whether it is due with them or a moment later', async () => {
    const host = createHost()
    const other = createFakeTarget(() => host.clock.read().wall)
    const plain = host.boot()
    const connectors = new Map([
      ...plain.connectors,
      ['other-pg', connectFake(other, 'other-pg')],
    ])
    const site = { ...plain, connectors } as Site
    acceptMany(site, count, life)
    const [ada, ben] = [grantNamed('x'), grantNamed('y')]
    accept(site, ada, undefined, 'other-pg', life)
    accept(site, ben, undefined, 'other-pg', life + 1)
    const { loop } = run(site)
    await loop.idle()
    host.clock.pass(life)
    loop.look()
    expect(host.books.hold(ada, 'other-pg').phase).toBe('ending')
    host.clock.pass(1)
    loop.look()
    expect(host.books.hold(ben, 'other-pg').phase).toBe('ending')
    expect(inPhase(host, 'applied').length).toBeGreaterThan(2 * mostBegunAtOnce)
    await pass(host, loop, 10_000)
    expect(host.books.unfinished()).toEqual([])
  })

  test('one that is asked for meanwhile waits for none of the portions', async () => {
    const it = await massWorld()
    it.estate.down = true
    acceptMany(it.site, count, life)
    const ada = grantNamed('x')
    accept(it.site, ada, undefined, targetName, 600_000)
    it.daemon.due.look()
    await it.daemon.idle()
    it.host.clock.pass(life)
    it.daemon.due.look()
    beginEnd(it.site, { grant: ada, target: targetName }, 'local_root')
    it.daemon.due.look()
    await turns()
    it.gate.pass(1)
    await turns()
    expect(inPhase(it.host, 'applied')).toHaveLength(count - mostBegunAtOnce)
    expect(it.gate.begun.at(-1)).toBe(ada)
  })

  test('INV-11 nothing is opened that is due and not begun to end yet', async () => {
    const host = createHost()
    const site = host.boot()
    acceptMany(site, count, life)
    host.clock.pass(life)
    const { loop } = run(site)
    expect(inPhase(host, 'accepted')).toHaveLength(count - mostBegunAtOnce)
    await pass(host, loop, 10_000)
    expect(host.target.effects.map(({ kind }) => kind)).not.toContain('apply')
    expect(kinds(host.books)).not.toContain('applied')
    expect(host.books.unfinished()).toEqual([])
  })

  test('are not told as missing where the target has closed the login by itself', async () => {
    const it = await massWorld()
    acceptMany(it.site, count, usualDaemonPace.driftMillis - 1)
    it.estate.down = true
    it.daemon.due.look()
    await it.daemon.idle()
    for (const login of it.host.target.logins) login.canLogin = false
    it.host.clock.pass(usualDaemonPace.driftMillis)
    it.host.scheduler.fire()
    expect(inPhase(it.host, 'applied').length).toBeGreaterThan(0)
    await turns()
    expect(it.host.books.drifts(targetName)).toEqual([])
  })

  test('INV-18 the kill switch is on disk for all when it answers', async () => {
    const { host, site, loop } = await due()
    loop.stop()
    const ending = endAll(site)
    expect(inPhase(host, 'ending')).toHaveLength(mostBegunAtOnce)
    for (let portion = 0; portion < 4; portion++) {
      host.clock.pass(1)
      host.scheduler.fire()
      await turns(1)
    }
    expect(await ending).toHaveLength(count)
    expect(inPhase(host, 'ending')).toHaveLength(count)
  })
})

import type { Digest } from '@halligan/core'
import { describe, expect, test } from 'vitest'
import { createEstate, type Estate, sealKeyNamed } from '../test/estate.ts'
import { createHost, grantNamed, type Host } from '../test/host.ts'
import { hasAccess } from './connectors/fake.ts'
import { type Daemon, startDaemon, usualDaemonPace } from './daemon.ts'
import type { Site } from './site.ts'

const ada = grantNamed('a')

type World = { host: Host; estate: Estate; site: Site; daemon: Daemon; broken: unknown[] }

async function world(more: Partial<Site> = {}): Promise<World> {
  const host = createHost()
  const estate = createEstate(host.clock)
  return { host, estate, ...(await boot(host, estate, more)) }
}

async function boot(host: Host, estate: Estate, more: Partial<Site> = {}) {
  const site = host.boot({
    signer: estate.keys.enforcer,
    pinned: estate.rosterDigest,
    controlPlane: estate.controlPlane,
    ...more,
  })
  const broken: unknown[] = []
  const daemon = await startDaemon(site, usualDaemonPace, (error) => broken.push(error))
  return { site, daemon, broken }
}

async function settle({ daemon }: Pick<World, 'daemon'>): Promise<void> {
  for (let i = 0; i < 8; i++) {
    await daemon.idle()
    await Promise.resolve()
  }
}

async function pass(world: World, millis: number): Promise<void> {
  await settle(world)
  for (let passed = 0; passed < millis; passed += 500) {
    world.host.clock.pass(500)
    world.host.scheduler.fire()
    await settle(world)
  }
}

async function sync(world: World): Promise<void> {
  world.daemon.wake()
  await settle(world)
}

const told = ({ estate }: World) => estate.receipts.map(({ detail }) => detail.kind)
const codes = ({ estate }: World) =>
  estate.receipts.flatMap(({ detail }) => (detail.kind === 'refused' ? detail.codes : []))

describe('one emergency, told by an honest control plane', () => {
  test('AC-13 INV-18 verified, applied, sealed, ended by its own clock, probed and cleaned', async () => {
    const it = await world()
    it.estate.grant(ada)
    expect(it.host.target.effects).toEqual([])
    await sync(it)
    expect(told(it)).toEqual(['applied'])
    expect(hasAccess(it.host.target, ada)).toBe(true)
    it.estate.down = true
    await pass(it, 61_000)
    expect(hasAccess(it.host.target, ada)).toBe(false)
    it.estate.down = false
    await pass(it, 20_000)
    expect(told(it)).toEqual(['applied', 'ending', 'absent', 'cleaned'])
    expect(it.host.books.outgoing(10)).toEqual([])
    expect(it.broken).toEqual([])
  })
})

import { type Daemon, startDaemon, usualDaemonPace } from '../src/daemon.ts'
import type { Site } from '../src/site.ts'
import { createEstate, type Estate } from './estate.ts'
import { createHost, type Host } from './host.ts'

export type World = {
  host: Host
  estate: Estate
  site: Site
  daemon: Daemon
  broken: unknown[]
}

export async function world(more: Partial<Site> = {}): Promise<World> {
  const host = createHost()
  const estate = createEstate(host.clock)
  return { host, estate, ...(await boot(host, estate, more)) }
}

export async function boot(host: Host, estate: Estate, more: Partial<Site> = {}) {
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

export async function settle({ daemon }: Pick<World, 'daemon'>): Promise<void> {
  for (let turn = 0; turn < 4; turn++) {
    await daemon.idle()
    await new Promise((resolve) => setImmediate(resolve))
  }
}

export async function pass(
  world: World,
  millis: number,
  atEach: () => void = () => {},
): Promise<void> {
  await settle(world)
  for (let passed = 0; passed < millis; passed += 500) {
    world.host.clock.pass(500)
    world.host.scheduler.fire()
    await settle(world)
    atEach()
  }
}

export async function sync(world: World): Promise<void> {
  world.daemon.wake()
  await settle(world)
}

/** The kinds of all receipts, but for how often something was tried in vain. */
export const told = ({ estate }: World) =>
  estate.receipts.map(({ detail }) => detail.kind).filter((kind) => kind !== 'struggling')
export const codes = ({ estate }: World) =>
  estate.receipts.flatMap(({ detail }) => (detail.kind === 'refused' ? detail.codes : []))

/**
 * Very many grants on one target whose ends are held until a test lets them go: what has begun can then be counted.
 *
 * @module
 */
import type { GrantId } from '@halligan/core'
import { connectFake } from '../src/connectors/fake.ts'
import type { Connector } from '../src/connectors/port.ts'
import { heldIn } from '../src/held.ts'
import type { Site } from '../src/site.ts'
import { createEstate } from './estate.ts'
import { createHost, targetName } from './host.ts'
import { accept } from './run.ts'
import { boot, type World } from './world.ts'

export type Gate = {
  /** The ends that the target was asked for, in order. */
  begun: GrantId[]
  /** Lets go so many of those that wait at the target, those first that came first. */
  pass(count: number): void
  /** From now on nothing is held. */
  open(): void
  connector(well: Connector): Connector
}

export function createGate(): Gate {
  const waiting: (() => void)[] = []
  let isOpen = false
  const pass = (count: number) => {
    for (const go of waiting.splice(0, count)) go()
  }
  const gate: Gate = {
    begun: [],
    pass,
    open() {
      isOpen = true
      pass(waiting.length)
    },
    connector: (well) => ({
      ...well,
      async end(grant, target) {
        gate.begun.push(grant)
        if (!isOpen) await new Promise<void>((go) => waiting.push(go))
        return well.end(grant, target)
      },
    }),
  }
  return gate
}

export type MassWorld = World & Readonly<{ gate: Gate }>

/** A whole daemon with an honest control plane, on a target whose ends are held. */
export async function massWorld(
  ill: (connector: Connector) => Connector = (connector) => connector,
): Promise<MassWorld> {
  const host = createHost()
  const estate = createEstate(host.clock)
  const gate = createGate()
  const fake = connectFake(host.target, targetName, {
    vault: host.vault,
    held: heldIn(host.books),
  })
  const connectors = new Map([[targetName, gate.connector(ill(fake))]])
  const booted = await boot(host, estate, { connectors })
  return { host, estate, gate, ...booted }
}

/** The n-th of many grants. */
export const grantNumbered = (n: number): GrantId =>
  `g-${String(n)
    .replace(/\d/g, (digit) => 'abcdefghij'[Number(digit)] ?? 'a')
    .padStart(26, 'a')}` as GrantId

/** So many that end after `life`, applied at the target once the due loop has looked. */
export function acceptMany(site: Site, count: number, life: number, from = 0): GrantId[] {
  const grants = Array.from({ length: count }, (_, n) => grantNumbered(from + n))
  for (const grant of grants) accept(site, grant, undefined, targetName, life)
  return grants
}

/** Work that is held keeps the daemon busy: so turns are given, and idleness is not waited for. */
export async function turns(count = 60): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise(setImmediate)
}

/** Time passes in one step, and whatever wakes by then runs. */
export async function passAtOnce({ host }: World, millis: number): Promise<void> {
  host.clock.pass(millis)
  host.scheduler.fire()
  await turns()
}

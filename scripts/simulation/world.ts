import type { GrantId } from '@halligan/core'
import type { Agenda } from './agenda.ts'
import type { Bug } from './bug.ts'
import type { Chronicle } from './chronicle.ts'
import type { Dice } from './dice.ts'
import type { EnforcerNode } from './enforcer-node.ts'
import type { Network } from './network.ts'
import type { ServerNode } from './server-node.ts'
import type { Tally } from './tally.ts'
import type { Target } from './target.ts'

/** Access that was seen to stand, so that a simulation in which nothing opened counts for nothing. */
export type Opened = Readonly<{
  /** False when it was seen to stand before, and then not to. */
  seen(name: string): boolean
  closed(name: string): void
}>

/** Everything there is in one simulation. */
export type World = {
  readonly seed: string
  readonly agenda: Agenda
  readonly dice: Dice
  readonly tally: Tally
  readonly bug: Bug
  network: Network
  readonly targets: readonly Target[]
  server: ServerNode
  enforcers: readonly EnforcerNode[]
  readonly chronicle: Chronicle
  pagerWorks: boolean
  hasBackup: boolean
  /** Its operator is at its files: nothing starts it. */
  isServerHeld: boolean
  /** What must never have happened, and did. */
  failure: unknown
  /** What was consumed, by name, and what it was consumed for. */
  readonly spent: Map<string, string>
  /** When a grant was ended at its enforcer itself, by `grant/target`. */
  readonly localEnds: Map<string, number>
  /** The answer to each act. */
  readonly answers: Map<string, string>
  /** Signed roots, by size. */
  readonly roots: Map<number, string>
  readonly badBearers: Set<string>
  /** Size of the log that each enforcer believes. */
  readonly trusted: Map<string, number>
  readonly opened: Opened
  /** A secret of a shared account was sealed to the grant's requester. */
  handedOut(target: Target, grant: GrantId): void
  /** Each enforcer hears, by the network, that something may have moved. */
  wakeEnforcers(): void
  /** Something that must never happen, found where nothing can be thrown. */
  fail(error: unknown): void
}

export function targetNamed(world: World, name: string): Target {
  const target = world.targets.find((each) => each.name === name)
  if (target === undefined) throw new Error(`no target ${name}`)
  return target
}

export function enforcerOf(world: World, target: Target): EnforcerNode {
  const enforcer = world.enforcers.find(({ name }) => name === target.enforcer)
  if (enforcer === undefined) throw new Error(`no enforcer ${target.enforcer}`)
  return enforcer
}

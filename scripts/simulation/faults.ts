/**
 * Everything that goes wrong. Each fault begins, lasts for a while and is over; which ones a simulation has, its seed says,
 * so that some have few of them for long and others all of them at once.
 *
 * @module
 */
import type { Dice } from './dice.ts'
import type { EnforcerNode } from './enforcer-node.ts'
import { enforcerNames } from './estate.ts'
import { fair } from './network.ts'
import type { World } from './world.ts'

/** Begins it; answers for how long it lasts, in ms, and what makes it over. Null: not now. */
type Fault = (
  world: World,
  dice: Dice,
) => Readonly<{ millis: number; over: () => void }> | null

const seconds = (dice: Dice, low: number, high: number) => dice.between(low, high) * 1000

const once = { millis: 0, over: () => {} }

const restartLater = (world: World, node: EnforcerNode, millis: number) => {
  world.agenda.after(millis, `${node.name} starts again`, () => void node.boot())
}

const crashOf = (dice: Dice) => ({
  calls: dice.between(1, 60),
  when: dice.pick(['before', 'after'] as const),
})

const isUp = (node: EnforcerNode) => node.site() !== null

export const faults = {
  loss: (world, dice) =>
    weather(world, { loss: dice.pick([0.1, 0.3, 0.6]) }, seconds(dice, 5, 40)),
  delay: (world, dice) =>
    weather(world, { delay: dice.pick([1500, 6000, 14_000]) }, seconds(dice, 5, 40)),
  duplication: (world, dice) => weather(world, { duplication: 0.3 }, seconds(dice, 5, 60)),
  partition: (world, dice) => {
    const names = dice.chance(0.3) ? enforcerNames : [dice.pick(enforcerNames)]
    const [there, back] = dice.pick([
      [true, false],
      [false, true],
      [true, true],
    ] as const)
    const ways = names.flatMap((name) => [
      ...(there ? [`${name}>server`] : []),
      ...(back ? [`server>${name}`] : []),
    ])
    world.network.change(({ cut }) => {
      for (const way of ways) cut.add(way)
    })
    const over = () =>
      world.network.change(({ cut }) => {
        for (const way of ways) cut.delete(way)
      })
    return { millis: seconds(dice, 20, names.length > 1 ? 60 : 150), over }
  },
  serverCrash: (world, dice) => {
    const { server, agenda } = world
    const life = server.process()
    if (life === null || !life.alive || server.instance() === null) return null
    const { calls, when } = crashOf(dice)
    life.doom(calls, when)
    const millis = seconds(dice, 5, 10)
    return {
      millis,
      over: () => {
        life.die()
        agenda.after(seconds(dice, 0, 20), 'server starts again', () => {
          if (server.process() === life) void server.boot()
        })
      },
    }
  },
  enforcerCrash: (world, dice) => {
    const node = dice.pick(world.enforcers)
    const life = node.process()
    if (life === null || !isUp(node)) return null
    const { calls, when } = crashOf(dice)
    life.doom(calls, when)
    return {
      millis: seconds(dice, 3, 10),
      over: () => {
        life.die()
        const wait = seconds(dice, 0, dice.pick([2, 20, 90]))
        world.agenda.after(wait, `${node.name} starts again`, () => {
          if (node.process() === life) void node.boot()
        })
      },
    }
  },
  reboot: (world, dice) => {
    const node = dice.pick(world.enforcers)
    const life = node.process()
    if (life === null || !isUp(node)) return null
    world.tally.happened('fault: reboot of a host')
    life.die()
    node.machine.reboot()
    node.machine.synchronised = dice.chance(0.7)
    restartLater(world, node, seconds(dice, 1, 30))
    return once
  },
  serverDiskFull: (world, dice) => {
    world.server.disk.full = true
    return {
      millis: seconds(dice, 2, 20),
      over: () => {
        world.server.disk.full = false
        world.server.machine.unwell(world.agenda.now())
      },
    }
  },
  enforcerDiskFull: (world, dice) => {
    const node = dice.pick(world.enforcers)
    node.disk.full = true
    return {
      millis: seconds(dice, 2, 20),
      over: () => {
        node.disk.full = false
        node.machine.unwell(world.agenda.now())
      },
    }
  },
  clockStep: (world, dice) => {
    const machine = dice.pick([world.server, ...world.enforcers]).machine
    const step = dice.pick([3600, -3600, -86_400, 40, -40, 315_360_000]) * 1000
    machine.stepWall(step)
    world.tally.happened('fault: wall clock set')
    return {
      millis: seconds(dice, 5, 60),
      over: () => {
        machine.stepWall(-step)
        if (world.server.machine === machine) machine.unwell(world.agenda.now())
      },
    }
  },
  clockFreeze: (world, dice) => {
    const machine = dice.pick([world.server, ...world.enforcers]).machine
    machine.setFrozen(true)
    world.tally.happened('fault: wall clock frozen')
    return {
      millis: seconds(dice, 10, 90),
      over: () => {
        machine.setFrozen(false)
        if (world.server.machine === machine) machine.unwell(world.agenda.now())
      },
    }
  },
  suspend: (world, dice) => {
    const machine = dice.pick([world.server, ...world.enforcers]).machine
    machine.suspend(seconds(dice, 5, 90))
    world.tally.happened('fault: host suspended')
    return once
  },
  targetDown: (world, dice) => sick(world, dice, ({ fake }) => (fake.down = true)),
  targetSlow: (world, dice) => sick(world, dice, (target) => (target.slowness = 20_000)),
  targetStalls: (world, dice) => sick(world, dice, (target) => (target.stalls = true)),
  targetLies: (world, dice) =>
    sick(world, dice, ({ fake }) => {
      fake.liesAboutEnding = true
      world.tally.happened('fault: target says OK and keeps the access')
    }),
  targetKeepsSessions: (world, dice) =>
    sick(world, dice, ({ fake }) => {
      fake.keepsSessions = true
      world.tally.happened('fault: target keeps sessions')
    }),
  targetRefusesCleanup: (world, dice) =>
    sick(world, dice, ({ fake }) => {
      fake.refusesCleanup = true
      world.tally.happened('fault: target refuses cleanup')
    }),
  targetKeepsSecrets: (world, dice) =>
    sick(world, dice, ({ fake }) => {
      fake.refusesRotation = true
      world.tally.happened('fault: target keeps secrets')
    }),
  targetLosesAnswers: (world, dice) =>
    sick(world, dice, (target) => (target.losesAnswers = true)),
  targetHearsTenTimes: (world, dice) => sick(world, dice, (target) => (target.copies = 10)),
  backup,
  restore: (world, dice) => restore(world, dice),
  twins: (world, dice) => {
    const node = dice.pick(world.enforcers)
    if (!isUp(node) || node.targets.some((target) => target.isIll())) return null
    void node.bootTwin().then((said) => {
      world.tally.happened(`fault: second enforcer on the same targets: ${said}`)
    })
    if (world.server.instance() !== null && !world.server.disk.full)
      void world.server.bootTwin().then((said) => {
        world.tally.happened(`fault: second server on the same folder: ${said}`)
      })
    return once
  },
  pagerDown: (world, dice) => {
    world.pagerWorks = false
    world.tally.happened('fault: pager down')
    return { millis: seconds(dice, 10, 60), over: () => (world.pagerWorks = true) }
  },
} satisfies Readonly<Record<string, Fault>>

export type FaultName = keyof typeof faults
export const faultNames = Object.keys(faults) as FaultName[]

function weather(
  { network }: World,
  change: Partial<Readonly<{ loss: number; delay: number; duplication: number }>>,
  millis: number,
) {
  network.change((now) => Object.assign(now, change))
  return { millis, over: () => network.change((now) => Object.assign(now, fair)) }
}

function sick(
  { targets }: World,
  dice: Dice,
  fault: Parameters<World['targets'][number]['ill']>[0],
) {
  const target = dice.pick(targets)
  if (target.isIll()) return null
  target.ill(fault)
  return { millis: seconds(dice, 5, 120), over: () => target.heal() }
}

/** Null while there is nothing sound to copy. */
function backup(world: World) {
  const { server, chronicle } = world
  if (server.instance() === null || server.disk.full || chronicle.isRolledBack) return null
  server.backUp('backup')
  world.hasBackup = true
  return once
}

/** The operator puts an old backup in place, and a while later the right file back. One is made first where there is none. */
function restore(world: World, dice: Dice) {
  const { server, agenda, chronicle } = world
  if (!world.hasBackup) return backup(world)
  if (server.instance() === null) return null
  world.hasBackup = false
  world.tally.happened('fault: old backup restored')
  const whileDown = (label: string, work: () => void) => {
    world.isServerHeld = true
    server.process()?.die()
    agenda.after(1000, label, () => {
      work()
      world.isServerHeld = false
      void server.boot()
    })
  }
  whileDown('old backup restored', () => {
    server.backUp('newest')
    chronicle.expectLess(true)
    server.restore('backup')
  })
  // A backup as new as the file itself loses nothing, and the server went on with it.
  const putBack = () => {
    if (!chronicle.isRolledBack) return chronicle.expectLess(false)
    whileDown('newest file put back', () => {
      server.restore('newest')
      chronicle.expectLess(false)
    })
  }
  return { millis: seconds(dice, 10, 60), over: putBack }
}

import type { Agenda } from './agenda.ts'
import type { Dice } from './dice.ts'
import type { Tally } from './tally.ts'
import type { Target } from './target.ts'

/** The way from an enforcer to one target: each call takes time there and back, and may be lost on the way back. */
export type Wire = Readonly<{
  /** Carries `run` out at the target, whatever becomes of whoever asked. */
  ask<T>(what: string, run: () => T | Promise<T>): Promise<T>
}>

/** Of one process: its calls go on when it dies, and a lock that one of them takes then goes with it. */
export function wireTo(
  { agenda, tally }: Readonly<{ agenda: Agenda; tally: Tally }>,
  dice: Dice,
  target: Target,
  isAlive: () => boolean,
): Wire {
  const { fake } = target
  const arrive = async <T>(run: () => T | Promise<T>): Promise<T> => {
    const { holder } = fake
    try {
      return await run()
    } finally {
      if (!isAlive()) fake.holder = holder
    }
  }
  /** Any one way of a stalling target may take long, while the next call overtakes it. */
  const millisOneWay = () => {
    if (!target.stalls || dice.chance(0.7)) return dice.between(1, target.slowness)
    tally.happened('fault: call overtaken by the next')
    return dice.between(9000, 20_000)
  }
  return {
    async ask(what, run) {
      const label = `${target.name} ${what}`
      await agenda.sleep(millisOneWay(), `at ${label}`)
      if (fake.down) tally.happened('fault: target down')
      for (let copy = 1; copy < target.copies; copy++) await arrive(run)
      const value = await arrive(run)
      if (target.copies > 1) tally.happened('fault: call arrives ten times')
      if (target.slowness > 1000) tally.happened('fault: target slow')
      await agenda.sleep(millisOneWay(), `from ${label}`)
      if (!target.losesAnswers) return value
      tally.happened('fault: answer of a target lost')
      throw new Error('connection lost')
    },
  }
}

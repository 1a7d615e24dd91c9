import { createHash } from 'node:crypto'

/** All the chance in a simulation. The same name draws the same numbers in the same order, on every machine. */
export type Dice = Readonly<{
  /** At least 0, under 1. */
  draw(): number
  chance(probability: number): boolean
  /** A whole number from `low` to `high`, both possible. */
  between(low: number, high: number): number
  pick<T>(from: readonly T[]): T
  bytes(length: number): Uint8Array
  /** Dice of their own, so that what one part draws does not shift what another one does. */
  named(name: string): Dice
}>

/** Dice of `name`, e.g. a seed: sfc32 over the name's digest. */
export function diceOf(name: string): Dice {
  const digest = createHash('sha256').update(name).digest()
  let [a, b, c, count] = [0, 4, 8, 12].map((at) => digest.readUInt32LE(at)) as Four
  const word = (): number => {
    const sum = (a + b + count) | 0
    count = (count + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + sum) | 0
    return sum >>> 0
  }
  for (let warm = 0; warm < 12; warm++) word()
  const draw = () => word() / 2 ** 32
  const between = (low: number, high: number) => low + Math.floor(draw() * (high - low + 1))
  return {
    draw,
    chance: (probability) => draw() < probability,
    between,
    pick<T>(from: readonly T[]): T {
      if (from.length === 0) throw new Error('nothing to pick from')
      return from[between(0, from.length - 1)] as T
    },
    bytes: (length) => Uint8Array.from({ length }, () => word() & 0xff),
    named: (other) => diceOf(`${name}/${other}`),
  }
}

type Four = [number, number, number, number]

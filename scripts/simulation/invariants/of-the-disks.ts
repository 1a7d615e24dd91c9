import { compareWithReplay } from '../../../packages/server/test/compare-with-replay.ts'
import { rememberingCrypto } from '../crypto.ts'
import { Violation } from '../tally.ts'
import type { World } from '../world.ts'

/** The log is what the tables say, and the tables are what the log says. Dear: not after every event. */
export function judgeReplay(world: World): void {
  const store = world.server.store()
  if (store === null || world.server.disk.full) return
  world.tally.checked(14)
  const difference = compareWithReplay(store.database(), rememberingCrypto)
  if (difference === null) return
  const { table, stored, replayed } = difference
  throw new Violation(14, `${table} has ${stored}, and the log makes ${replayed}`)
}

/** A log that lost what was once durable opens nothing; and no enforcer believes an older one again. */
export function judgeTrust(world: World): void {
  const { chronicle, server, tally } = world
  const instance = server.instance()
  tally.checked(15)
  if (chronicle.isRolledBack && instance !== null) {
    tally.happened('step: served from a log that was rolled back')
    if (!instance.ledger.safeMode.contradicted())
      throw new Violation(15, 'the server serves a log that was rolled back')
  }
  for (const { name, books } of world.enforcers) {
    const seen = books.trust().checkpoint?.size ?? 0
    const before = world.trusted.get(name) ?? 0
    if (seen < before)
      throw new Violation(15, `${name} believed ${before} entries and believes ${seen} now`)
    world.trusted.set(name, seen)
  }
}

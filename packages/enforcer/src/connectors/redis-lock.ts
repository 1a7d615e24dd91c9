import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { TargetTaken } from './port.ts'
import type { Connect, Reply, Session } from './redis-session.ts'
import { oneAtATime } from './rounds.ts'

/**
 * One enforcer per target. Redis has no lock that dies with its connection, so one is made of two things that it has: a key
 * that names the connection that holds it, by the id that Redis gives every connection once and by a token in its name, and the
 * list of connections that are alive. Whoever finds the key naming a connection that is not alive may take it, by a transaction
 * that fails if the key has changed meanwhile.
 *
 * All that opens runs in such a transaction on the very connection that holds the key: lost with the connection, or with the
 * key, it opens nothing.
 */
export type RedisLock = Readonly<{
  /** Throws {@link TargetTaken}. */
  take(): Promise<void>
  /** These commands, as one transaction under the lock, which is taken again first if it was lost. Answers their replies. */
  whileHeld(commands: readonly (readonly string[])[]): Promise<readonly Reply[]>
  release(): Promise<void>
}>

export const lockKey = (target: string): string => `halligan:lock:${target}`

const millisForPredecessor = 1_500
const millisBetweenTries = 50

type Holding = Readonly<{ session: Session; mark: string }>

export function targetLock(connect: Connect, target: string): RedisLock {
  const key = lockKey(target)
  let held: Holding | null = null

  const take = async (): Promise<Holding> => {
    if (held?.session.isOpen() && (await held.session.run('GET', key)) === held.mark)
      return held
    held?.session.close()
    held = null
    held = await taken(connect, target, key)
    return held
  }
  const run = async (commands: readonly (readonly string[])[]) => {
    const { session, mark } = await take()
    const replies = await transaction(session, key, mark, commands)
    if (replies === null) throw new TargetTaken(`the lock of ${target} was lost`)
    return replies
  }
  const release = async () => {
    const holding = held
    held = null
    if (holding === null) return
    const { session, mark } = holding
    // Left behind it names a connection that is not alive, and hinders nobody.
    await transaction(session, key, mark, [['DEL', key]]).catch(() => null)
    session.close()
  }
  // A transaction is several commands on one connection: nothing else may come in between.
  const inTurn = oneAtATime()
  return {
    take: () => inTurn(async () => void (await take())),
    whileHeld: (commands) => inTurn(() => run(commands)),
    release: () => inTurn(release),
  }
}

async function taken(connect: Connect, target: string, key: string): Promise<Holding> {
  const session = await connect()
  try {
    const token = `halligan-enforcer:${randomBytes(12).toString('hex')}`
    await session.run('CLIENT', 'SETNAME', token)
    const mark = `${await session.run('CLIENT', 'ID')} ${token}`
    for (let waited = 0; ; waited += millisBetweenTries) {
      const holder = await session.run('GET', key)
      if (holder === mark) return { session, mark }
      if (holder !== null && (await isAlive(session, String(holder)))) {
        if (waited >= millisForPredecessor)
          throw new TargetTaken(`another enforcer holds ${target}`)
        await pause(millisBetweenTries)
      } else await transaction(session, key, holder, [['SET', key, mark]])
    }
  } catch (error) {
    session.close()
    throw error
  }
}

async function isAlive(session: Session, mark: string): Promise<boolean> {
  const [id = '', name = ''] = mark.split(' ')
  const clients = String(await session.run('CLIENT', 'LIST')).split('\n')
  return clients.some(
    (line) => line.startsWith(`id=${id} `) && line.includes(` name=${name} `),
  )
}

/** Null, and nothing done, unless the key still holds `expected` when the commands are carried out. */
async function transaction(
  { run }: Session,
  key: string,
  expected: Reply,
  commands: readonly (readonly string[])[],
): Promise<readonly Reply[] | null> {
  await run('WATCH', key)
  if ((await run('GET', key)) !== expected) {
    await run('UNWATCH')
    return null
  }
  await run('MULTI')
  for (const command of commands) await run(...command)
  const replies = await run('EXEC')
  return Array.isArray(replies) ? replies : null
}

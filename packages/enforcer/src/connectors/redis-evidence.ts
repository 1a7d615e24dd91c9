import type { GrantId } from '@halligan/core'
import type { SessionEvidence } from './port.ts'
import { instantOf } from './redis-lock.ts'
import { type Connect, listOf, onSession, recordOf, textOf } from './redis-session.ts'
import { checkedOutKey } from './redis-user.ts'

/**
 * Redis keeps no record of commands but of those that it refused: `ACL LOG`, the last 128 unless set otherwise. So this is never
 * complete. Logins that failed are left out: the enforcer's own probe is one.
 */
export async function evidenceOf(
  connect: Connect,
  user: string,
  grant: GrantId,
): Promise<SessionEvidence> {
  return onSession(connect, async (session) => {
    const now = instantOf(await session.ask('TIME'))
    const out = Number((await session.ask('GET', checkedOutKey(grant))) ?? 0)
    const refused = listOf(await session.ask('ACL', 'LOG', '100000'))
      .map((entry) => entryOf(recordOf(entry), now))
      .filter((entry) => entry.user === user && entry.reason !== 'auth' && entry.at >= out)
    // The latest comes first, and two of one millisecond stay in their order.
    const lines = refused
      .toReversed()
      .toSorted((one, other) => one.at - other.at)
      .map(({ at, count, reason, object, from }) =>
        [new Date(at).toISOString(), `${count}x`, 'refused', reason, object, from].join(
          ' ',
        ),
      )
    return {
      what: 'redis_acl_log',
      text: lines.map((line) => `${line}\n`).join(''),
      complete: false,
    }
  })
}

/** Names of commands, keys and channels may hold anything. */
function entryOf(fields: ReturnType<typeof recordOf>, now: number) {
  const text = (name: string) => textOf(fields.get(name))
  return {
    user: text('username'),
    at: Math.floor(now - Number(text('age-seconds')) * 1000),
    count: Number(fields.get('count')),
    reason: text('reason'),
    object: JSON.stringify(text('object')),
    from: / addr=(\S*)/.exec(` ${text('client-info')}`)?.[1] ?? '',
  }
}

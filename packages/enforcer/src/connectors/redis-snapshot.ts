/**
 * What a grantee could have left in Redis to come back by: users, functions, modules, settings and replicas. Keys are data, and
 * are not compared.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import type { Difference, Excess, Snapshot } from './port.ts'
import type { Reply, Session } from './redis-session.ts'
import { clientsOf, fieldsIn, grantOf, userPrefix, usersOf } from './redis-user.ts'

const comparedSettings = [
  ...['aclfile', 'dir', 'dbfilename', 'appendonly', 'save', 'requirepass', 'masterauth'],
  ...['enable-debug-command', 'enable-module-command', 'enable-protected-configs'],
] as const

export async function takeSnapshot(session: Session): Promise<Snapshot> {
  const { run } = session
  const lines = [
    ...textsIn(await run('ACL', 'LIST'))
      .filter((line) => grantOf(line.split(' ')[1] ?? '') === null)
      .map((line) => `user ${line.slice('user '.length).replace(hashes, digested)}`),
    ...(await functionsOf(session)),
    ...textsIn(await run('MODULE', 'LIST')).map((line) => `module ${line}`),
    ...(await settingsOf(session)),
    ...replicasIn(String(await run('INFO', 'replication'))),
  ]
  return JSON.stringify(lines.toSorted())
}

/** What Redis keeps of a password is as good as the password to whoever guesses: here it only shows that it changed. */
const hashes = /#[0-9a-f]{64}/g
const digested = (hash: string): string =>
  `#${createHash('sha256').update(`halligan\0${hash}`).digest('hex').slice(0, 8)}`

async function functionsOf({ run }: Session): Promise<readonly string[]> {
  const libraries = await run('FUNCTION', 'LIST', 'WITHCODE')
  return (Array.isArray(libraries) ? libraries : []).map((library) => {
    const { library_name, library_code } = fieldsIn(library)
    const code = createHash('sha256')
      .update(String(library_code))
      .digest('hex')
      .slice(0, 16)
    return `function library ${library_name} (${code})`
  })
}

async function settingsOf({ run }: Session): Promise<readonly string[]> {
  const settings = fieldsIn(await run('CONFIG', 'GET', ...comparedSettings))
  return Object.entries(settings).map(([name, value]) =>
    /pass|auth/.test(name)
      ? `setting ${name} (${value === '' ? 'empty' : digested(String(value))})`
      : `setting ${name} (${value})`,
  )
}

const replicasIn = (info: string): readonly string[] =>
  info
    .split('\r\n')
    .filter((line) => /^(role|master_host|master_port|slave\d+):/.test(line))
    .map((line) => `replication ${line.replace(/,state=.*$/, '')}`)

function textsIn(reply: Reply): readonly string[] {
  if (!Array.isArray(reply)) throw new Error('it lists nothing')
  return reply.map((item) => (typeof item === 'string' ? item : JSON.stringify(item)))
}

export function differenceOf(before: Snapshot, after: Snapshot): readonly Difference[] {
  const [old, current] = [before, after].map((text) => new Set<string>(JSON.parse(text)))
  const only = (what: string, some = new Set<string>(), others = new Set<string>()) =>
    [...some].filter((line) => !others.has(line)).map((object) => ({ what, object }))
  return [...only('appeared', current, old), ...only('vanished', old, current)]
}

/** Users that look like ours and are no grant's, and sealed accounts that somebody is in (EN-26). */
export async function strangersOf(
  session: Session,
  resting: readonly string[],
): Promise<readonly Difference[]> {
  const users = await usersOf(session)
  const found: Difference[] = users
    .filter((user) => user.startsWith(userPrefix) && grantOf(user) === null)
    .map((object) => ({ what: 'foreign_login', object }))
  for (const account of resting)
    if ((await clientsOf(session, account)).length > 0)
      found.push({ what: 'sealed_account_used', object: account })
  return found
}

/**
 * Whoever may set users may make itself anything: Redis has no finer right. What the connector has by itself already is what
 * can be kept small, and the default user, by which everybody may come in.
 */
export async function excessOf({ run }: Session): Promise<readonly Excess[]> {
  const me = fieldsIn(await run('ACL', 'GETUSER', String(await run('ACL', 'WHOAMI'))))
  const everybody = fieldsIn(await run('ACL', 'GETUSER', 'default'))
  const isOpen = ['on', 'nopass'].every((flag) =>
    textsIn(everybody.flags ?? null).includes(flag),
  )
  const findings: (Excess | false)[] = [
    /\+@all\b/.test(String(me.commands)) && { grave: true, words: 'may run every command' },
    /(^| )(%RW)?~\*( |$)/.test(String(me.keys)) && {
      grave: true,
      words: 'may read and write every key',
    },
    isOpen && { grave: true, words: 'the default user needs no password: everybody is in' },
  ]
  return findings.filter((one) => one !== false)
}

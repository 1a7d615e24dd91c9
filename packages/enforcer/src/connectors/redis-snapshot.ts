import { createHash } from 'node:crypto'
import type { Snapshot } from './port.ts'
import {
  type Connect,
  listOf,
  onSession,
  type Reply,
  recordOf,
  type Session,
  textOf,
} from './redis-session.ts'
import { grantOf, listUsers } from './redis-user.ts'
import { type Row, snapshotOf } from './snapshot-rows.ts'

/** What decides who may come in, what runs by itself, and where data goes. */
const watchedSettings = [
  ...['aclfile', 'acl-pubsub-default', 'acllog-max-len', 'requirepass', 'protected-mode'],
  ...['bind', 'port', 'unixsocket', 'unixsocketperm', 'dir', 'dbfilename', 'logfile'],
  ...['appendonly', 'appenddirname', 'appendfilename', 'save', 'maxmemory-policy'],
  ...['replicaof', 'masteruser', 'masterauth', 'replica-read-only', 'tls-port'],
  ...['tls-auth-clients', 'tls-cert-file', 'tls-key-file', 'tls-ca-cert-file'],
  ...['tls-ca-cert-dir', 'enable-protected-configs', 'enable-debug-command'],
  ...['enable-module-command', 'notify-keyspace-events', 'timeout'],
]
const secretSettings = ['requirepass', 'masterauth']

/** Users, libraries of functions, modules, settings and replicas. Keys are the data that people work on: they are not compared. */
export async function takeSnapshot(
  connect: Connect,
  accounts: readonly string[],
): Promise<Snapshot> {
  const rows = await onSession(connect, async (session) => [
    ...(await userRows(session, accounts)),
    ...(await functionRows(session)),
    ...(await moduleRows(session)),
    ...(await settingRows(session)),
    ...(await replicaRows(session)),
  ])
  return snapshotOf(rows)
}

/**
 * Users of grants are left out as long as their ways to log in are what applying gives them: those have their own orders and
 * receipts. Whether a shared account is open, and to which secret, changes with every check-out.
 */
async function userRows(session: Session, accounts: readonly string[]): Promise<Row[]> {
  const users = await listUsers(session)
  return users.flatMap(({ name, rules }): Row[] => {
    const hashes = rules.match(/(?<= )#[0-9a-f]{64}(?= )/g) ?? []
    const isPlain = hashes.length <= 1 && !/(^| )nopass( |$)/.test(rules)
    if (grantOf(name) !== null && isPlain) return []
    const kept = accounts.includes(name) && isPlain ? withoutCheckOut(rules) : rules
    return [['user', name, kept.replace(/(?<=(?:^| )#)[0-9a-f]{64}/g, fingerprint)]]
  })
}

const withoutCheckOut = (rules: string): string =>
  rules.replace(/^(on|off) /, '').replace(/ ?#[0-9a-f]{64}(?= )/, '')

/** Enough to see that a secret changed, and too little to try guesses at it. */
const fingerprint = (secret: string): string =>
  createHash('sha256').update(secret).digest('hex').slice(0, 4)

async function functionRows(session: Session): Promise<Row[]> {
  const libraries = listOf(await session.ask('FUNCTION', 'LIST', 'WITHCODE'))
  return libraries.map((library) => {
    const fields = recordOf(library)
    const code = textOf(fields.get('library_code'))
    const hash = createHash('sha256').update(code).digest('hex')
    return ['function_library', textOf(fields.get('library_name')), hash]
  })
}

async function moduleRows(session: Session): Promise<Row[]> {
  const modules = listOf(await session.ask('MODULE', 'LIST'))
  return modules.map((module) => {
    const fields = recordOf(module)
    const rest = [...fields].filter(([name]) => name !== 'name')
    return ['module', textOf(fields.get('name')), JSON.stringify(rest)]
  })
}

async function settingRows(session: Session): Promise<Row[]> {
  const found = recordOf(await session.ask('CONFIG', 'GET', ...watchedSettings))
  return [...found].map(([name, value]) => ['setting', name, shown(name, value)])
}

function shown(name: string, value: Reply): string {
  const text = textOf(value)
  return secretSettings.includes(name) && text !== '' ? fingerprint(text) : text
}

async function replicaRows(session: Session): Promise<Row[]> {
  const info = textOf(await session.ask('INFO', 'replication'))
  const found = info.matchAll(/^slave\d+:ip=([^,]*),port=(\d+)/gm)
  return [...found].map(([, ip = '', port = '']) => ['replica', `${ip}:${port}`, ''])
}

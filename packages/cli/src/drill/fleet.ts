/**
 * The targets of a drill on every connector, beside the estate's own PostgreSQL: each a real server or host, what the enforcer
 * is told of it, and how its credential is really used.
 *
 * @module
 */
import { randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createBilling } from '../estate/billing.ts'
import {
  accessRules,
  content,
  dns,
  modules,
  ofTheCompany,
  suffix,
} from '../estate/company-directory.ts'
import { startLdap } from '../estate/ldap-server.ts'
import { startLinuxHost, whyNoLinuxHost } from '../estate/linux-host.ts'
import { startMariadb } from '../estate/mariadb-server.ts'
import { startOpenssh } from '../estate/openssh-server.ts'
import { startRedis } from '../estate/redis-server.ts'
import { startWebhookReceiver } from '../estate/webhook-receiver.ts'
import type { EnforcerSite } from '../example/enforcer.ts'
import { LineProgram, said } from './line-program.ts'

export type Shown = Readonly<Record<string, string>>

/** Somebody inside, who does not leave. */
export type Inside = Readonly<{
  /** How they are inside, in words. */
  how: string
  /** Whether the access works, used now. */
  works(): Promise<boolean>
  leave(): Promise<void>
}>

/** One target with its real server. */
export type Protected = Readonly<{
  target: string
  privilege: string
  settings: EnforcerSite['targets'][string]
  /** With the credential as it was unsealed. */
  enter(credential: Shown): Promise<Inside>
  /** Power off, and on again. */
  kill(): Promise<void>
  restart(): Promise<void>
  remove(): Promise<void>
  /** Words before the enforcer's own, where it has to run in a place of its own. */
  inside?: readonly string[]
}>

/** What makes each, by its connector's kind. Throws with a reason a person understands where this machine cannot. */
export const fleet: Readonly<Record<string, (dir: string) => Promise<Protected>>> = {
  mariadb: billing,
  redis: cache,
  ldap: directory,
  linux: host,
  openssh: shell,
  webhook: page,
}

async function secretIn(dir: string, name: string, secret: string) {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const file = join(dir, name)
  await writeFile(file, `${secret}\n`, { mode: 0o600 })
  return { file }
}

async function billing(dir: string): Promise<Protected> {
  const server = await startMariadb({ dir: join(dir, 'mariadb') })
  const { connectorUrl, sharedAccount } = await createBilling(server)
  const url = await secretIn(join(dir, 'secrets'), 'mariadb.url', connectorUrl)
  return {
    ...{ target: 'billing-db', privilege: 'role:billing_repair' },
    settings: { kind: 'mariadb', url, accounts: [sharedAccount] },
    async enter(shown) {
      const {
        MYSQL_HOST = '',
        MYSQL_TCP_PORT = '',
        MYSQL_USER = '',
        MYSQL_PWD = '',
      } = shown
      const where = [
        `--host=${MYSQL_HOST}`,
        `--port=${MYSQL_TCP_PORT}`,
        `--user=${MYSQL_USER}`,
      ]
      const how = [
        '--no-defaults',
        '--protocol=tcp',
        '--unbuffered',
        '--skip-reconnect',
        '-N',
      ]
      const session = new LineProgram('mariadb', [...how, ...where, 'billing'], {
        MYSQL_PWD,
      })
      const works = () =>
        session.answers("select concat('open ', count(*)) from invoices;", /open \d+/)
      return { how: 'a session of mariadb', works, leave: () => session.end() }
    },
    ...{ kill: server.kill, restart: server.restart, remove: server.remove },
  }
}

async function cache(dir: string): Promise<Protected> {
  const server = await startRedis({ dir: join(dir, 'redis') })
  const url = await secretIn(join(dir, 'secrets'), 'redis.url', server.connectorUrl)
  const profile = { commands: ['+get', '+set', '+ping', '+blpop'], keys: ['cache:*'] }
  return {
    ...{ target: 'cache', privilege: 'acl:cache_repair' },
    settings: { kind: 'redis', url, profiles: { cache_repair: profile } },
    async enter({ REDIS_HOST = '', REDIS_PORT = '', REDIS_USER = '', REDISCLI_AUTH = '' }) {
      const where = ['-h', REDIS_HOST, '-p', REDIS_PORT, '--user', REDIS_USER]
      const session = new LineProgram('redis-cli', ['--no-auth-warning', ...where], {
        REDISCLI_AUTH,
      })
      const works = () =>
        session.answers('SET cache:drill held', /^OK$/m, /^(Error:|[A-Z]{3,} )/m)
      return { how: 'a session of redis-cli', works, leave: () => session.end() }
    },
    ...{ kill: server.kill, restart: server.restart, remove: server.remove },
  }
}

/** Ada's own entry is in no group that matters; the grant puts it into one. */
async function directory(dir: string): Promise<Protected> {
  const server = await startLdap({
    ...{ dir: join(dir, 'slapd'), suffix, content, modules },
    database: [...accessRules, ...ofTheCompany, 'overlay memberof'],
  })
  const secrets = join(dir, 'secrets')
  const password = await secretIn(secrets, 'ldap.secret', 'halligan-connector')
  const prober = await secretIn(secrets, 'prober.secret', 'halligan-prober')
  return {
    ...{ target: 'directory', privilege: 'group:repair' },
    settings: {
      ...{ kind: 'ldap', url: server.url, bindDn: dns.connector, password, base: suffix },
      prober: { bindDn: dns.prober, password: prober },
      ...{ lock: dns.lock, residualSeconds: 0 },
      groups: { repair: dns.group('repair') },
      accounts: { ada: dns.person('ada') },
    },
    async enter({ LDAPURI = '', LDAPBINDDN = '' }) {
      const { file } = await secretIn(secrets, 'ada.secret', 'ada')
      await writeFile(file, 'ada')
      const as = ['-x', '-LLL', '-H', LDAPURI, '-D', LDAPBINDDN, '-y', file]
      const works = async () => {
        const { words } = await said('ldapsearch', [...as, '-b', dns.data, '-s', 'base'])
        return words.includes('balance')
      }
      return { how: 'ada, by her own bind', works, leave: async () => {} }
    },
    ...{ kill: server.kill, restart: server.restart, remove: server.remove },
  }
}

const tailing = 'grep -lx tail /proc/[0-9]*/comm 2>/dev/null || true'

async function host(dir: string): Promise<Protected> {
  const why = whyNoLinuxHost()
  if (why !== null) throw new Error(why)
  const server = await startLinuxHost({ dir: join(dir, 'host') })
  await server.addAccount('ada-adm')
  await server.run(['sh', '-ec', 'echo balance > /mnt/ledger; chmod 600 /mnt/ledger'])
  const command = '/usr/bin/tail -f /mnt/ledger'
  return {
    ...{ target: 'payments-host', privilege: 'sudo:read_ledger' },
    settings: {
      ...{ kind: 'linux', accounts: { ada: 'ada-adm' } },
      sudo: { read_ledger: { runAs: ['root'], commands: [command], noPassword: true } },
    },
    async enter({ LINUX_ACCOUNT = '' }) {
      const as = ['--reuid', LINUX_ACCOUNT, '--regid', LINUX_ACCOUNT, '--init-groups']
      const words = ['setpriv', ...as, '--reset-env', 'sudo', '-n', ...command.split(' ')]
      const [first = '', ...rest] = [...server.before(), ...words]
      const started = new LineProgram(first, rest)
      const seen = await started.answers('', /balance/)
      // What put it there may outlive it: the host's own processes are what counts.
      const works = async () =>
        seen && (await server.run(['sh', '-c', tailing])).trim() !== ''
      return { how: 'root’s tail, started by sudo', works, leave: () => started.end() }
    },
    ...{ kill: server.kill, restart: server.restart, remove: server.remove },
    inside: server.before(),
  }
}

/** A command that stays, in a session of the certificate. */
async function shell(dir: string): Promise<Protected> {
  const why = whyNoLinuxHost()
  if (why !== null) throw new Error(why)
  const server = await startOpenssh({ dir: join(dir, 'sshd'), accounts: ['deploy'] })
  const { caKeyFile, keyFile, helper, state, hostKey, port } = server
  return {
    ...{ target: 'web-hosts', privilege: 'login:deploy' },
    settings: {
      ...{
        kind: 'openssh',
        ca: { file: caKeyFile },
        key: { file: keyFile },
        helper,
        state,
      },
      hosts: { web: { host: '127.0.0.1', port, hostKey } },
      profiles: { deploy: { principals: ['deploy'] } },
    },
    async enter({ SSH_DESTINATIONS = '', ...shown }) {
      const folder = join(dir, 'ada')
      const at = (name: string) => join(folder, name)
      await mkdir(folder, { mode: 0o700 })
      await writeFile(at('key'), shown.SSH_PRIVATE_KEY ?? '', { mode: 0o600 })
      await writeFile(at('key-cert.pub'), `${shown.SSH_CERTIFICATE}\n`)
      await writeFile(at('known'), `${shown.SSH_KNOWN_HOSTS}\n`)
      const options = ['BatchMode=yes', 'IdentitiesOnly=yes', 'LogLevel=ERROR']
      const how = [
        ...options,
        `UserKnownHostsFile=${at('known')}`,
        'GlobalKnownHostsFile=none',
      ]
      const words = ['-F', 'none', '-T', ...how.flatMap((option) => ['-o', option])]
      const [destination = ''] = SSH_DESTINATIONS.split('\n')
      const session = new LineProgram('ssh', [...words, '-i', at('key'), destination, 'sh'])
      const works = () => session.answers('echo "still $((40 + 2))"', /still 42/)
      return { how: 'a shell by ssh', works, leave: () => session.end() }
    },
    ...{ kill: server.kill, restart: server.restart, remove: server.remove },
  }
}

async function page(dir: string): Promise<Protected> {
  const receiver = await startWebhookReceiver({ dir: join(dir, 'receiver') })
  const secret = await secretIn(join(dir, 'secrets'), 'webhook.secret', receiver.secret)
  return {
    ...{ target: 'status-page', privilege: 'page:write' },
    settings: { kind: 'webhook', url: receiver.url, secret },
    async enter({ USER = randomBytes(4).toString('hex'), PASSWORD = '' }) {
      const basic = Buffer.from(`${USER}:${PASSWORD}`).toString('base64')
      const headers = { authorization: `Basic ${basic}` }
      const works = async () => (await fetch(receiver.url, { headers })).status === 200
      return { how: 'the page, by its password', works, leave: async () => {} }
    },
    ...{ kill: receiver.kill, restart: receiver.restart, remove: receiver.remove },
  }
}

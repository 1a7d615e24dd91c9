/**
 * A directory of a small company with a connector at it, for the heavy tests. The access rules are those of
 * `docs/connectors/ldap.md`, so that what is tested is what is recommended.
 *
 * @module
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Instant } from '@halligan/core'
import { Client } from 'ldapts'
import {
  accessRules,
  content,
  dns,
  modules,
  ofTheCompany,
  suffix,
} from '../../cli/src/estate/company-directory.ts'
import { type LdapServer, startLdap } from '../../cli/src/estate/ldap-server.ts'
import { ldapConnector } from '../src/connectors/ldap.ts'
import { ldapSettings } from '../src/connectors/ldap-settings.ts'
import type { Connector, Credential } from '../src/connectors/port.ts'
import type { ConnectorPorts } from '../src/connectors/registry.ts'
import { openVault } from '../src/store/vault.ts'
import type { Lent } from './enforcer-books.ts'
import { type TcpProxy, tcpProxy } from './tcp-proxy.ts'

export { accessRules, content, dns, modules, suffix }

export type LdapLab = Readonly<{
  target: string
  server: LdapServer
  /** In front of the directory: every connector reaches it through this. */
  proxy: TcpProxy
  dir: string
  vault: ConnectorPorts['vault']
  settings(changed?: Readonly<Record<string, unknown>>): Record<string, unknown>
  /** Not open yet. */
  connector(lent: Lent, changed?: Readonly<Record<string, unknown>>): Connector
  asRoot<T>(work: (client: Client) => Promise<T>): Promise<T>
  as<T>(dn: string, password: string, work: (client: Client) => Promise<T>): Promise<T>
  /** A connection of the grantee's; it is the caller's to end. */
  login(credential: Credential): Promise<Client>
  /** Whether this connection sees what only the groups may. */
  maySee(client: Client): Promise<boolean>
  members(cn: string): Promise<readonly string[]>
  now(): Promise<Instant>
  remove(): Promise<void>
}>

/** Public keys in entries, as hosts read them (openssh-lpk). */
const keys = [
  `attributetype ( 1.3.6.1.4.1.24552.500.1.1.1.13 NAME 'sshPublicKey' EQUALITY octetStringMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 )`,
  `objectclass ( 1.3.6.1.4.1.24552.500.1.1.2.0 NAME 'ldapPublicKey' SUP top AUXILIARY MAY ( sshPublicKey $ uid ) )`,
]

/** The list of connections, and a log of every operation. */
const watched = (dir: string): readonly string[] => [
  'database monitor',
  `access to * by dn.exact="${dns.prober}" read by * none`,
  'database mdb',
  'suffix "cn=accesslog"',
  `directory ${join(dir, 'slapd', 'log')}`,
  'rootdn "cn=accesslog"',
  `access to * by dn.exact="${dns.prober}" read by * none`,
]

export type LabOptions = Readonly<{
  global?: readonly string[]
  database?: readonly string[]
  listeners?: readonly string[]
  runBy?: readonly string[]
}>

export async function openLdapLab(options: LabOptions = {}): Promise<LdapLab> {
  const dir = await mkdtemp(join(tmpdir(), 'halligan-ldap-'))
  await mkdir(join(dir, 'slapd', 'log'), { recursive: true })
  const server = await startLdap({
    dir: join(dir, 'slapd'),
    suffix,
    content,
    modules,
    ...options,
    global: [...keys, ...(options.global ?? [])],
    databases: watched(dir),
    database: [
      ...accessRules,
      ...ofTheCompany,
      'overlay memberof',
      'overlay ppolicy',
      `ppolicy_default "cn=default,ou=policies,${suffix}"`,
      'overlay accesslog',
      'logdb cn=accesslog',
      'logops all',
      ...(options.database ?? []),
    ],
  })
  const proxy = await tcpProxy(() => server.port)
  await writeFile(join(dir, 'connector.secret'), 'halligan-connector\n', { mode: 0o600 })
  await writeFile(join(dir, 'prober.secret'), 'halligan-prober\n', { mode: 0o600 })
  const vault = openVault(join(dir, 'vault'))
  const as: LdapLab['as'] = async (dn, password, work) => {
    const client = new Client({ url: server.url, timeout: 10_000 })
    await client.bind(dn, password)
    try {
      return await work(client)
    } finally {
      await client.unbind()
    }
  }
  const asRoot: LdapLab['asRoot'] = (work) => as(server.rootDn, server.rootPassword, work)
  const lab: LdapLab = {
    target: 'directory',
    server,
    proxy,
    dir,
    vault,
    settings: (changed = {}) => ({ ...settingsOf(dir, proxy.port), ...changed }),
    connector: (lent, changed) =>
      ldapConnector(ldapSettings({ kind: 'ldap', ...lab.settings(changed) }), {
        ...lent,
        vault,
      }),
    as,
    asRoot,
    login: async ({ LDAPBINDDN = '', LDAPPASSWORD }) => {
      const client = new Client({ url: server.url, timeout: 10_000 })
      const [, uid = ''] = /^uid=([^,]+),ou=people/.exec(LDAPBINDDN) ?? []
      await client.bind(LDAPBINDDN, LDAPPASSWORD ?? uid)
      return client
    },
    maySee,
    members: (cn) =>
      asRoot(async (client) => {
        const { searchEntries } = await client.search(dns.group(cn), { scope: 'base' })
        return [searchEntries[0]?.member ?? []].flat().map(String)
      }),
    now: async () => Date.now() as Instant,
    remove: async () => {
      await proxy.close()
      await server.remove()
      await rm(dir, { recursive: true, force: true })
    },
  }
  return lab
}

const settingsOf = (dir: string, port: number): Record<string, unknown> => ({
  target: 'directory',
  url: `ldap://127.0.0.1:${port}`,
  bindDn: dns.connector,
  password: { file: join(dir, 'connector.secret') },
  prober: { bindDn: dns.prober, password: { file: join(dir, 'prober.secret') } },
  base: suffix,
  lock: dns.lock,
  leaseSeconds: 1,
  groups: { repair: dns.group('repair'), admins: dns.group('admins') },
  accounts: Object.fromEntries(
    ['ada', 'bob', 'cy'].map((name) => [name, dns.person(name)]),
  ),
  container: dns.container,
  entries: Object.fromEntries(
    ['repair', 'admins'].map((name) => [
      name,
      {
        objectClasses: ['inetOrgPerson'],
        attributes: { cn: ['{name}'], sn: ['emergency'] },
        groups: [name],
      },
    ]),
  ),
  sharedAccounts: { emergency: dns.emergency },
  deadlineAttribute: 'pwdEndTime',
  residualSeconds: 0,
})

const maySee = (client: Client): Promise<boolean> =>
  client.search(dns.data, { scope: 'base' }).then(
    ({ searchEntries }) => searchEntries.length > 0,
    () => false,
  )

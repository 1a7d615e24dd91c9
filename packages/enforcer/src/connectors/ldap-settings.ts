import { readFileSync } from 'node:fs'
import type { ConnectionOptions } from 'node:tls'
import {
  BadSettings,
  isCount,
  isRecord,
  isText,
  perhaps,
  strictFields,
} from '../strict-fields.ts'
import { dnKey, isDn } from './ldap-dn.ts'
import { isLoopback } from './loopback.ts'
import type { ConnectorSettings } from './registry.ts'
import { isSecretReference, type SecretReference } from './secret-reference.ts'

export type Identity = Readonly<{ bindDn: string; password: SecretReference }>

export type GroupSettings = Readonly<{
  dn: string
  /** `member` by default. */
  attribute: 'member' | 'uniqueMember'
  /** The whole list of who else may be a member, or null: then only what came back after an ending is drift. */
  standing: readonly string[] | null
}>

/** What a per-grant entry is made of. `{name}` in a value stands for the entry's own name. */
export type EntryProfile = Readonly<{
  objectClasses: readonly string[]
  attributes: Readonly<Record<string, readonly string[]>>
  /** Names in `groups`. */
  groups: readonly string[]
}>

export const deadlineAttributes = [
  'pwdEndTime',
  'shadowExpire',
  'krbPasswordExpiration',
] as const

export type LdapSettings = Readonly<{
  target: string
  url: string
  startTls: boolean
  caFile?: string
  connector: Identity
  /** Another bind, that may only read: what it sees is the proof. */
  prober: Identity
  /** Below it groups are looked for, and the persistence diff compares. */
  base: string
  lock: string
  leaseSeconds: number
  groups: Readonly<Record<string, GroupSettings>>
  /** The person's own entry, by principal. */
  accounts: Readonly<Record<string, string>>
  container: string | null
  entries: Readonly<Record<string, EntryProfile>>
  sharedAccounts: Readonly<Record<string, string>>
  deadlineAttribute: (typeof deadlineAttributes)[number] | null
  passwordScheme: 'SSHA' | 'SSHA512'
  replicas: readonly string[]
  monitor: string | null
  evidence: Readonly<{ accesslog: string; logs: 'writes' | 'all' }> | null
  residualSeconds: number | null
  reach: string | null
}>

const secondsOfLease = 6
const where = 'ldap connector'

/** Throws and names the field when `settings` are not such. Reads no credential and reaches nothing. */
export function ldapSettings({ kind: _, ...settings }: ConnectorSettings): LdapSettings {
  const fields = strictFields(where, settings, {
    target: isText,
    url: isText,
    startTls: perhaps((value) => typeof value === 'boolean'),
    caFile: perhaps(isText),
    bindDn: isDn,
    password: isSecretReference,
    prober: isRecord,
    base: isDn,
    lock: isDn,
    leaseSeconds: perhaps((value) => isCount(1)(value) && Number(value) <= 10),
    groups: perhaps(isRecord),
    accounts: perhaps(isRecord),
    container: perhaps(isDn),
    entries: perhaps(isRecord),
    sharedAccounts: perhaps(isRecord),
    deadlineAttribute: perhaps((value) =>
      deadlineAttributes.some((each) => each === value),
    ),
    passwordScheme: perhaps((value) => value === 'SSHA' || value === 'SSHA512'),
    replicas: perhaps((value) => Array.isArray(value) && value.every(isText)),
    monitor: perhaps(isDn),
    evidence: perhaps(isRecord),
    residualSeconds: perhaps(isCount(0)),
    reach: perhaps(isText),
  })
  const groups = groupsIn(fields.groups)
  const read = {
    target: String(fields.target),
    url: String(fields.url),
    startTls: fields.startTls === true,
    ...(fields.caFile === undefined ? {} : { caFile: String(fields.caFile) }),
    connector: identityIn(where, { bindDn: fields.bindDn, password: fields.password }),
    prober: identityIn(`${where}: prober`, fields.prober),
    base: String(fields.base),
    lock: String(fields.lock),
    leaseSeconds: Number(fields.leaseSeconds ?? secondsOfLease),
    groups,
    accounts: dnsIn('accounts', fields.accounts),
    container: textOrNull(fields.container),
    entries: profilesIn(fields.entries, groups),
    sharedAccounts: dnsIn('sharedAccounts', fields.sharedAccounts),
    deadlineAttribute: (fields.deadlineAttribute ??
      null) as LdapSettings['deadlineAttribute'],
    passwordScheme: (fields.passwordScheme ?? 'SSHA') as LdapSettings['passwordScheme'],
    replicas: (fields.replicas ?? []) as readonly string[],
    monitor: textOrNull(fields.monitor),
    evidence: evidenceIn(fields.evidence),
    residualSeconds: (fields.residualSeconds ?? null) as number | null,
    reach: textOrNull(fields.reach),
  }
  checkWhole(read)
  return read
}

/** What no single field shows. */
function checkWhole(settings: LdapSettings): void {
  for (const url of [settings.url, ...settings.replicas])
    checkEndpoint(url, settings.startTls)
  if (dnKey(settings.connector.bindDn) === dnKey(settings.prober.bindDn))
    throw new BadSettings(`${where}: prober must be another bind than the connector's own`)
  if (settings.container === null && Object.keys(settings.entries).length > 0)
    throw new BadSettings(`${where}: entries need a container`)
  unequal(
    'groups',
    Object.values(settings.groups).map(({ dn }) => dn),
  )
  unequal('accounts', Object.values(settings.accounts))
  unequal('sharedAccounts', Object.values(settings.sharedAccounts))
}

/** Rights are counted by DN: one that two names mean would be counted twice. */
function unequal(field: string, dns: readonly string[]): void {
  if (new Set(dns.map(dnKey)).size !== dns.length)
    throw new BadSettings(`${where}: ${field} name one DN twice`)
}

/** TLS always, except on loopback (EN-25). A URL with more than a host and a port is refused. */
function checkEndpoint(text: string, startTls: boolean): void {
  const url = URL.parse(text)
  const isPlain = url?.protocol === 'ldap:'
  if (url === null || !(isPlain || url.protocol === 'ldaps:') || url.hostname === '')
    throw new BadSettings(`${where}: ${JSON.stringify(text)} is no ldap:// or ldaps:// URL`)
  const { username, password, pathname, search, hash } = url
  if (`${username}${password}${search}${hash}${pathname.replace('/', '')}` !== '')
    throw new BadSettings(
      `${where}: ${url.protocol}//${url.host} takes a host and a port only`,
    )
  if (startTls && !isPlain)
    throw new BadSettings(
      `${where}: startTls is for ldap:// URLs; ldaps:// has TLS from the start`,
    )
  if (isPlain && !startTls && !isLoopback(url.hostname))
    throw new BadSettings(
      `${where}: ${url.host} is not loopback, so ldaps:// or startTls is needed`,
    )
}

/** Verified against `caFile`, or what the system trusts, and against the host's own name. */
export function tlsOptions(settings: LdapSettings, host: string): ConnectionOptions {
  const name = host.replace(/^\[(.*)\]$/, '$1')
  return {
    host: name,
    rejectUnauthorized: true,
    minVersion: 'TLSv1.2',
    ...(settings.caFile === undefined ? {} : { ca: readFileSync(settings.caFile, 'utf8') }),
  }
}

const textOrNull = (value: unknown): string | null =>
  value === undefined ? null : String(value)

function identityIn(place: string, value: unknown): Identity {
  const { bindDn, password } = strictFields(place, value, {
    bindDn: isDn,
    password: isSecretReference,
  })
  return { bindDn: String(bindDn), password: password as SecretReference }
}

const isName = (name: string): boolean => /^[A-Za-z_][A-Za-z0-9_-]{0,62}$/.test(name)

function named<T>(
  field: string,
  value: unknown,
  read: (place: string, value: unknown) => T,
): Readonly<Record<string, T>> {
  const entries = Object.entries(isRecord(value) ? value : {}).map(([name, each]) => {
    if (!isName(name))
      throw new BadSettings(
        `${where}: ${field} has a malformed name ${JSON.stringify(name)}`,
      )
    return [name, read(`${where}: ${field}.${name}`, each)] as const
  })
  return Object.fromEntries(entries)
}

const dnsIn = (field: string, value: unknown): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(isRecord(value) ? value : {}).map(([name, dn]) => {
      if (!isDn(dn)) throw new BadSettings(`${where}: ${field}.${name} is no DN`)
      return [name, dn]
    }),
  )

const isDns = (value: unknown): boolean => Array.isArray(value) && value.every(isDn)

const groupsIn = (value: unknown): Readonly<Record<string, GroupSettings>> =>
  named('groups', value, (place, group) => {
    if (isDn(group)) return { dn: group, attribute: 'member', standing: null }
    const fields = strictFields(place, group, {
      dn: isDn,
      attribute: perhaps((name) => name === 'member' || name === 'uniqueMember'),
      standing: perhaps(isDns),
    })
    return {
      dn: String(fields.dn),
      attribute: fields.attribute === 'uniqueMember' ? 'uniqueMember' : 'member',
      standing: (fields.standing ?? null) as GroupSettings['standing'],
    }
  })

/** Who may change these would change who the entry is, or its secret. */
const ownAttributes = ['uid', 'userpassword', 'objectclass', 'member', 'uniquemember']
const isAttributeName = (name: string): boolean =>
  /^[A-Za-z][A-Za-z0-9-]*$/.test(name) && !ownAttributes.includes(name.toLowerCase())
const isClassName = (value: unknown): boolean =>
  typeof value === 'string' && /^[A-Za-z][A-Za-z0-9-]*$/.test(value)
const isTextList = (value: unknown): boolean =>
  Array.isArray(value) && value.length > 0 && value.every(isText)

function profilesIn(
  value: unknown,
  groups: Readonly<Record<string, GroupSettings>>,
): Readonly<Record<string, EntryProfile>> {
  return named('entries', value, (place, profile) => {
    const fields = strictFields(place, profile, {
      objectClasses: (list) => isTextList(list) && (list as unknown[]).every(isClassName),
      attributes: (list) =>
        isRecord(list) &&
        Object.entries(list).every(([n, v]) => isAttributeName(n) && isTextList(v)),
      groups: (list) =>
        Array.isArray(list) && list.every((name) => Object.hasOwn(groups, String(name))),
    })
    return {
      objectClasses: fields.objectClasses as readonly string[],
      attributes: fields.attributes as EntryProfile['attributes'],
      groups: fields.groups as readonly string[],
    }
  })
}

function evidenceIn(value: unknown): LdapSettings['evidence'] {
  if (value === undefined) return null
  const fields = strictFields(`${where}: evidence`, value, {
    accesslog: isDn,
    logs: (what) => what === 'writes' || what === 'all',
  })
  return { accesslog: String(fields.accesslog), logs: fields.logs as 'writes' | 'all' }
}

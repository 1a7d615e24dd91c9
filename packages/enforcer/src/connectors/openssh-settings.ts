import { isIP } from 'node:net'
import { join } from 'node:path'
import {
  BadSettings,
  isCount,
  isRecord,
  isText,
  perhaps,
  strictFields,
} from '../strict-fields.ts'
import type { Opening } from './port.ts'
import type { ConnectorSettings } from './registry.ts'

/** A key as a file that `ssh-keygen` and `ssh` read themselves: its text never passes through the enforcer. */
export type KeyFile = Readonly<{ file: string } | { credential: string }>

/** `agent` is the socket of an agent that holds the private key of `publicKey`, which is a file. */
export type CaKey = KeyFile | Readonly<{ agent: string; publicKey: string }>

export type OpensshHost = Readonly<{
  name: string
  host: string
  port: number
  /** Pinned: type and key, as in `known_hosts`. */
  hostKey: string
  /** How people reach it, where that differs. */
  reach: Readonly<{ host: string; port: number }>
  /** The enforcer is on this host, as root, and starts the helper itself. */
  local: boolean
}>

/** What a certificate of `login:NAME` permits. Whatever is not said is cleared. */
export type Profile = Readonly<{
  principals: readonly string[]
  forceCommand: string | null
  sourceAddress: readonly string[]
  portForwarding: boolean
  agentForwarding: boolean
  x11Forwarding: boolean
  pty: boolean
  userRc: boolean
  record: boolean
}>

export type OpensshSettings = Readonly<{
  target: string
  ca: CaKey
  hosts: readonly OpensshHost[]
  account: string
  key: KeyFile | null
  helper: string
  state: string
  profiles: Readonly<Record<string, Profile>>
  /** Lets in where no cgroup can hold what detaches itself from its session. */
  uncontained: boolean
  /** Allows accounts that are root, which can undo all that would end them. */
  unendable: boolean
}>

const where = 'openssh connector'
const isFlag = (value: unknown) => typeof value === 'boolean'
const isPath = (value: unknown) => isText(value) && /^\/[A-Za-z0-9/._-]+$/.test(`${value}`)
const isPort = (value: unknown) => isCount(1)(value) && Number(value) < 65536

/** Throws and names the field when `settings` are not such. Reads no key and reaches nothing. */
export function opensshSettings({
  kind: _,
  ...settings
}: ConnectorSettings): OpensshSettings {
  const fields = strictFields(where, settings, {
    target: isText,
    ca: isCaKey,
    hosts: isRecord,
    account: perhaps(isAccount),
    key: perhaps(isKeyFile),
    helper: perhaps(isPath),
    state: perhaps(isPath),
    profiles: isRecord,
    uncontained: perhaps(isFlag),
    unendable: perhaps(isFlag),
  })
  const read: OpensshSettings = {
    target: String(fields.target),
    ca: fields.ca as CaKey,
    hosts: entriesOf(fields.hosts).map(([name, value]) => hostIn(name, value)),
    account: String(fields.account ?? 'root'),
    key: (fields.key ?? null) as KeyFile | null,
    helper: String(fields.helper ?? '/usr/local/lib/halligan/halligan-host'),
    state: String(fields.state ?? '/var/lib/halligan-ssh'),
    profiles: Object.fromEntries(
      entriesOf(fields.profiles).map(([name, value]) => [name, profileIn(name, value)]),
    ),
    uncontained: fields.uncontained === true,
    unendable: fields.unendable === true,
  }
  if (read.hosts.length === 0) throw new BadSettings(`${where}: hosts names no host`)
  if (read.key === null && read.hosts.some(({ local }) => !local))
    throw new BadSettings(`${where}: key is missing, and not every host is local`)
  return read
}

const entriesOf = (value: unknown): readonly (readonly [string, unknown])[] =>
  Object.entries(isRecord(value) ? value : {})

export function isAccount(value: unknown): value is string {
  return typeof value === 'string' && /^[a-z_][a-z0-9_-]{0,31}$/.test(value)
}

function isKeyFile(value: unknown): value is KeyFile {
  if (!isRecord(value) || Object.keys(value).length !== 1) return false
  const { file, credential } = value
  if (credential === undefined) return isPath(file)
  return isText(credential) && /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(String(credential))
}

function isCaKey(value: unknown): value is CaKey {
  if (isKeyFile(value)) return true
  return (
    isRecord(value) &&
    Object.keys(value).length === 2 &&
    isPath(value.agent) &&
    isPath(value.publicKey)
  )
}

/** Where the key is. Throws when it is a systemd credential and there is no folder of such. */
export function fileOf(key: KeyFile): string {
  if ('file' in key) return key.file
  const folder = process.env.CREDENTIALS_DIRECTORY
  if (folder === undefined)
    throw new BadSettings(`credential ${key.credential}: $CREDENTIALS_DIRECTORY is not set`)
  return join(folder, key.credential)
}

const keyTypes =
  'ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-ssh-ed25519@openssh.com'
const hostKeyPattern = new RegExp(`^(${keyTypes}) [A-Za-z0-9+/]{16,}={0,2}$`)

/** A name or an address that no program takes for an option or for several words. */
const isHostName = (value: unknown): boolean =>
  typeof value === 'string' &&
  (isIP(value) !== 0 || /^[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?$/.test(value))

function hostIn(name: string, value: unknown): OpensshHost {
  const at = `${where}: hosts.${name}`
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(name))
    throw new BadSettings(`${where}: a host in hosts has a malformed name`)
  const fields = strictFields(at, value, {
    host: isHostName,
    port: perhaps(isPort),
    hostKey: (key) => typeof key === 'string' && hostKeyPattern.test(key),
    reach: perhaps(
      (reach) => isRecord(reach) && isHostName(reach.host) && isPort(reach.port),
    ),
    local: perhaps(isFlag),
  })
  const own = { host: String(fields.host), port: Number(fields.port ?? 22) }
  return {
    name,
    ...own,
    hostKey: String(fields.hostKey),
    reach: (fields.reach ?? own) as OpensshHost['reach'],
    local: fields.local === true,
  }
}

const isLine = (value: unknown) =>
  typeof value === 'string' && /^[\x20-\x7e]{1,1000}$/.test(value)

const flags = [
  'portForwarding',
  'agentForwarding',
  'x11Forwarding',
  'pty',
  'userRc',
  'record',
] as const

function profileIn(name: string, value: unknown): Profile {
  if (!/^[A-Za-z_][A-Za-z0-9_-]{0,62}$/.test(name))
    throw new BadSettings(`${where}: a profile has a malformed name`)
  const listOf = (check: (item: unknown) => boolean) => (list: unknown) =>
    Array.isArray(list) && list.length > 0 && list.length <= 32 && list.every(check)
  const fields = strictFields(`${where}: profiles.${name}`, value, {
    principals: listOf(isAccount),
    forceCommand: perhaps(isLine),
    sourceAddress: perhaps(listOf(isNetwork)),
    ...Object.fromEntries(flags.map((flag) => [flag, perhaps(isFlag)])),
  })
  const [portForwarding, agentForwarding, x11Forwarding, pty, userRc, record] = flags.map(
    (flag) => fields[flag] === true,
  ) as [boolean, boolean, boolean, boolean, boolean, boolean]
  if (record && userRc)
    throw new BadSettings(
      `${where}: profiles.${name}: userRc runs the account's own file before anything is recorded`,
    )
  return {
    principals: [...new Set(fields.principals as readonly string[])],
    forceCommand: (fields.forceCommand ?? null) as string | null,
    sourceAddress: (fields.sourceAddress ?? []) as readonly string[],
    ...{ portForwarding, agentForwarding, x11Forwarding, pty, userRc, record },
  }
}

function isNetwork(value: unknown): boolean {
  if (typeof value !== 'string') return false
  const [address = '', bits, more] = value.split('/')
  const version = isIP(address)
  if (version === 0 || more !== undefined || address.includes('%')) return false
  return (
    bits === undefined ||
    (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128))
  )
}

/** Why no certificate can be made of these privileges, or null. One profile, since two would have to be mixed. */
export function refusalOf(
  { profiles, unendable }: OpensshSettings,
  { privileges }: Pick<Opening, 'privileges'>,
): string | null {
  const [only = ''] = privileges
  if (privileges.length !== 1) return 'mixed_privileges'
  const name = only.startsWith('login:') ? only.slice('login:'.length) : ''
  if (!Object.hasOwn(profiles, name)) return 'unknown_privilege'
  const isRoot = profiles[name]?.principals.includes('root') === true
  return isRoot && !unendable ? 'unendable' : null
}

/** Throws with the code when the opening is refused. */
export function profileOf(settings: OpensshSettings, privileges: readonly string[]) {
  const code = refusalOf(settings, { privileges })
  const profile = settings.profiles[privileges[0]?.slice('login:'.length) ?? '']
  if (code !== null || profile === undefined) throw new Error(code ?? 'unknown_privilege')
  return profile
}

import {
  BadSettings,
  isRecord,
  isText,
  isTexts,
  perhaps,
  strictFields,
} from '../strict-fields.ts'
import { type SudoCommand, sudoCommand } from './linux-command.ts'
import type { ConnectorSettings } from './registry.ts'

export type SudoProfile = Readonly<{
  runAs: readonly string[]
  commands: readonly SudoCommand[]
  noPassword: boolean
  /** What the commands print is kept and shown in the review. */
  log: boolean
  unendable: boolean
}>

export type HostGroup = Readonly<{
  /** Who may be in it without a grant; null when nobody says, and then nobody is a stranger there. */
  members: readonly string[] | null
}>

export type LinuxSettings = Readonly<{
  target: string
  /** The account on this host of each person, by the person's id. */
  accounts: ReadonlyMap<string, string>
  groups: ReadonlyMap<string, HostGroup>
  profiles: ReadonlyMap<string, SudoProfile>
}>

/** As `useradd` takes them: nothing that sudoers, a path or an option could read otherwise. */
export const isHostName = (name: unknown): name is string =>
  typeof name === 'string' && /^[a-z_][a-z0-9_-]{0,30}$/.test(name)

/** Membership is root, by a file, a socket or a rule that hosts commonly have. */
const rootlike = new Set(
  'root sudo wheel admin docker disk shadow kmem lxd incus incus-admin libvirt kvm staff podman'.split(
    ' ',
  ),
)

const isFlag = (value: unknown) => typeof value === 'boolean'

/** Throws and names the field when `settings` are not such. Reaches nothing. */
export function linuxSettings({ kind: _, ...settings }: ConnectorSettings): LinuxSettings {
  const where = 'linux connector'
  const fields = strictFields(where, settings, {
    target: isText,
    accounts: isRecord,
    groups: perhaps(isRecord),
    sudo: perhaps(isRecord),
  })
  const groups = entriesOf(fields.groups, hostGroup)
  const profiles = entriesOf(fields.sudo, sudoProfile)
  if (groups.size + profiles.size === 0)
    throw new BadSettings(`${where}: neither groups nor sudo names anything to give`)
  return {
    target: String(fields.target),
    accounts: accountsOf(fields.accounts),
    groups,
    profiles,
  }
}

const entriesOf = <T>(
  value: unknown,
  parse: (name: string, value: unknown) => T,
): ReadonlyMap<string, T> =>
  new Map(
    Object.entries(isRecord(value) ? value : {}).map(([name, entry]) => [
      name,
      parse(name, entry),
    ]),
  )

function accountsOf(value: unknown): ReadonlyMap<string, string> {
  const accounts = entriesOf(value, (person, account) => {
    if (isHostName(account) && account !== 'root') return account
    throw new BadSettings(
      `linux connector: accounts.${person} is no account that can be named in sudoers`,
    )
  })
  const shared = [...accounts.values()].find(
    (account, at, all) => all.indexOf(account) !== at,
  )
  if (shared !== undefined)
    throw new BadSettings(`linux connector: ${shared} is the account of two people`)
  return accounts
}

function hostGroup(name: string, value: unknown): HostGroup {
  const where = `linux connector: groups.${name}`
  const { members, unendable } = strictFields(where, value, {
    members: perhaps((list) => Array.isArray(list) && list.every(isHostName)),
    unendable: perhaps(isFlag),
  })
  if (!isHostName(name)) throw new BadSettings(`${where} is no name of a group`)
  if (rootlike.has(name) && unendable !== true)
    throw new BadSettings(`${where} leads to root: set unendable to allow it`)
  return { members: Array.isArray(members) ? members : null }
}

function sudoProfile(name: string, value: unknown): SudoProfile {
  const where = `linux connector: sudo.${name}`
  if (!/^[A-Za-z_][A-Za-z0-9_-]{0,62}$/.test(name))
    throw new BadSettings(`${where} is no name of a privilege`)
  const fields = strictFields(where, value, {
    runAs: (list) => Array.isArray(list) && list.length > 0 && list.every(isHostName),
    commands: (list) => isTexts(list) && Array.isArray(list) && list.length > 0,
    noPassword: perhaps(isFlag),
    log: perhaps(isFlag),
    unendable: perhaps(isFlag),
  })
  const unendable = fields.unendable === true
  try {
    return {
      runAs: textsOf(fields.runAs),
      commands: textsOf(fields.commands).map((text) => sudoCommand(text, unendable)),
      noPassword: fields.noPassword === true,
      log: fields.log === true,
      unendable,
    }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new BadSettings(`${where}.commands: ${why}`, { cause: error })
  }
}

const textsOf = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.map(String) : []

/** What the privileges of one opening mean on this host. */
export type Rights = Readonly<{
  groups: readonly string[]
  profiles: readonly (SudoProfile & { name: string })[]
}>

/** Null when one of the names is not in the settings. */
export function rightsOf(
  settings: Pick<LinuxSettings, 'groups' | 'profiles'>,
  privileges: readonly string[],
): Rights | null {
  const groups: string[] = []
  const profiles: (SudoProfile & { name: string })[] = []
  for (const privilege of new Set(privileges)) {
    const [, kind, name = ''] = /^(group|sudo):(.*)$/s.exec(privilege) ?? []
    const profile = settings.profiles.get(name)
    if (kind === 'group' && settings.groups.has(name)) groups.push(name)
    else if (kind === 'sudo' && profile !== undefined) profiles.push({ ...profile, name })
    else return null
  }
  return { groups, profiles }
}

import { type LinuxHost, mustRun, readHostFile, run } from './linux-host.ts'

export type GroupEntry = Readonly<{ name: string; gid: number; members: readonly string[] }>

/** The groups of this host's own files: those of a directory are not this connector's to change. */
export function localGroups(host: LinuxHost): readonly GroupEntry[] {
  const text = readHostFile(host, '/etc/group')
  if (text === null) throw new Error('there is no /etc/group')
  return text.split('\n').flatMap((line) => {
    const [name, , gid, members = ''] = line.split(':')
    if (name === undefined || gid === undefined || !/^\d+$/.test(gid)) return []
    return [{ name, gid: Number(gid), members: members.split(',').filter(Boolean) }]
  })
}

export function localGroup(host: LinuxHost, name: string): GroupEntry {
  const found = localGroups(host).find((group) => group.name === name)
  if (found === undefined) throw new Error(`there is no group ${name} in /etc/group`)
  return found
}

export const isMember = (host: LinuxHost, account: string, group: string): boolean =>
  localGroup(host, group).members.includes(account)

export async function addMember(
  host: LinuxHost,
  account: string,
  group: string,
): Promise<void> {
  if (isMember(host, account, group)) return
  await mustRun(host, ['gpasswd', '-a', account, group])
}

/** `gpasswd` also tells the name service caches of the host (nscd, sssd). Not being a member is success. */
export async function removeMember(
  host: LinuxHost,
  account: string,
  group: string,
): Promise<void> {
  if (!isMember(host, account, group)) return
  const { status, stderr } = await run(host, ['gpasswd', '-d', account, group])
  if (status !== 0 && isMember(host, account, group))
    throw new Error(
      `gpasswd -d ${account} ${group} answered ${status}: ${JSON.stringify(stderr)}`,
    )
}

/** Ids of the groups that a new login would hold, as the host's name service answers now, caches and all. */
export async function groupsAtLogin(
  host: LinuxHost,
  account: string,
): Promise<readonly number[]> {
  const ids = (await mustRun(host, ['id', '-G', '--', account])).trim().split(' ')
  if (!ids.every((id) => /^\d+$/.test(id)))
    throw new Error(`id -G ${account} answered ${JSON.stringify(ids)}`)
  return ids.map(Number)
}

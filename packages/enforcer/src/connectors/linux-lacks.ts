/**
 * What the settings name and this host has not: found before the night on which an opening would fail for it.
 *
 * @module
 */
import { assertTrusted } from './linux-apply.ts'
import { localGroups } from './linux-groups.ts'
import { accountNamed, type LinuxHost, run } from './linux-host.ts'
import type { LinuxSettings } from './linux-settings.ts'

/** In words, each with the setting that names it. Changes nothing. */
export async function lacksOf(
  host: LinuxHost,
  { accounts, groups, profiles }: LinuxSettings,
): Promise<readonly string[]> {
  const lacks: string[] = []
  const note = async (setting: string, look: Promise<unknown>) => {
    const reason = await look.then(
      () => null,
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    )
    if (reason !== null) lacks.push(`${setting}: ${reason}`)
  }
  for (const [person, account] of accounts)
    await note(`accounts, ${person}`, accountNamed(host, account))
  const known = localGroups(host).map(({ name }) => name)
  for (const group of groups.keys())
    if (!known.includes(group))
      lacks.push(`groups: there is no group ${group} in /etc/group`)
  for (const [name, profile] of profiles) {
    for (const account of profile.runAs)
      await note(`sudo, ${name}`, assertKnown(host, account))
    await note(`sudo, ${name}`, assertTrusted(host, profile))
  }
  return lacks
}

/** Root too, which a command may run as. */
async function assertKnown(host: LinuxHost, account: string): Promise<void> {
  const { status } = await run(host, ['getent', 'passwd', account])
  if (status === 2) throw new Error(`there is no account ${account} on this host`)
}

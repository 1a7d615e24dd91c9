import type { GrantId, Instant } from '@halligan/core'
import { ask } from './openssh-host.ts'
import type { Memory } from './openssh-memory.ts'
import type { OpensshHost, OpensshSettings } from './openssh-settings.ts'

/** How long a host keeps a revocation of which it is not told how long the certificates last. */
const secondsUnknown = 366 * 24 * 3600

/**
 * Locks out, ends what runs and revokes, at every host that can be reached. Throws naming each host that may have admitted a
 * certificate of the grant and did not do it all (C-11).
 */
export async function endGrant(
  settings: OpensshSettings,
  memory: Memory | null,
  grant: GrantId,
  now: Instant,
): Promise<void> {
  const until =
    memory === null
      ? Math.floor(now / 1000) + secondsUnknown
      : Math.ceil(memory.deadline / 1000)
  const serials = memory?.certificates.map(({ serial }) => serial) ?? []
  const concerned = hostsOf(settings, memory)
  const failures: string[] = []
  await Promise.all(
    settings.hosts.map(async (host) => {
      try {
        await ask(settings, host, ['end', grant, String(until), ...serials])
      } catch (error) {
        if (concerned.includes(host)) failures.push(reasonOf(host, error))
      }
    }),
  )
  if (failures.length > 0) throw new Error(failures.join('; '))
}

const reasonOf = ({ name }: OpensshHost, error: unknown): string => {
  const words = error instanceof Error ? error.message : String(error)
  return words.startsWith(`${name}: `) ? words : `${name}: ${words}`
}

/**
 * The hosts that may have admitted the grant; all of them when nothing is remembered. Throws when one of them is not in the
 * settings any more: nobody can say what is there.
 */
export function hostsOf(
  { hosts }: OpensshSettings,
  memory: Memory | null,
): readonly OpensshHost[] {
  if (memory === null) return hosts
  return memory.asked.map((name) => {
    const found = hosts.find((host) => host.name === name)
    if (found === undefined)
      throw new Error(`${name} may have admitted this grant and is not in the settings`)
    return found
  })
}

import { type GrantId, type Instant, parseGrantId } from '@halligan/core'
import type { Clock } from '../ports.ts'
import { accountsOf, type Effective, effectiveAt, hasAccount } from './openssh-effective.ts'
import { type Answer, ask, sshOptions } from './openssh-host.ts'
import type { Memories } from './openssh-memory.ts'
import { environment, run } from './openssh-program.ts'
import { fileOf, type OpensshHost, type OpensshSettings } from './openssh-settings.ts'
import { caIsExposed } from './openssh-sign.ts'
import type { Difference, Excess, Held } from './port.ts'

/** Every host's own list; throws when one is away, since what is not there then would be called missing. */
const lists = (
  settings: OpensshSettings,
): Promise<readonly (readonly [OpensshHost, Answer])[]> =>
  Promise.all(
    settings.hosts.map(
      async (host) => [host, await ask(settings, host, ['list'])] as const,
    ),
  )

/** Grants that a host lets in, or of which something still runs there. */
export async function standingGrants(
  settings: OpensshSettings,
): Promise<readonly GrantId[]> {
  const found = new Set<GrantId>()
  for (const [, answer] of await lists(settings))
    for (const [kind, id = ''] of answer) {
      const grant = kind === 'admitted' || kind === 'live' ? parseGrantId(id) : null
      if (grant?.ok) found.add(grant.value)
    }
  return [...found]
}

/**
 * Certificates that our authority signed and no host was ever told of: somebody else used its key (EN-26). They opened nothing.
 * One that a grant of ours was made on a host that was away has signed for, too, is known here by its serial.
 */
export async function strangersOf(
  settings: OpensshSettings,
  memories: Memories,
  held: readonly Held[],
): Promise<readonly Difference[]> {
  const own = new Set(
    held.flatMap(({ grant }) =>
      (memories.of(grant)?.certificates ?? []).map(({ serial }) => serial),
    ),
  )
  return (await lists(settings)).flatMap(([host, answer]) =>
    answer.flatMap(([kind, serial = '', , account, keyId]) =>
      kind !== 'stranger' || own.has(serial)
        ? []
        : [
            {
              what: 'foreign_certificate',
              object: `${host.name}: serial ${serial}, for ${account}, key id ${keyId}`,
            },
          ],
    ),
  )
}

const millisOfSkew = 30_000

/** What is wider than the work needs, and what at a host would let somebody in whom nothing ends. */
export async function excessOf(
  settings: OpensshSettings,
  clock: Clock,
): Promise<readonly Excess[]> {
  const found: Excess[] = []
  if (await caIsExposed(settings))
    found.push({ grave: true, words: 'others than its owner can use the key of the CA' })
  for (const host of settings.hosts) found.push(...(await excessAt(settings, host, clock)))
  return found
}

async function excessAt(
  settings: OpensshSettings,
  host: OpensshHost,
  clock: Clock,
): Promise<readonly Excess[]> {
  const told = (grave: boolean) => (words: string) => ({
    ...{ grave, words: `${host.name}: ${words}` },
  })
  if (!host.local && (await keyRunsAnything(settings, host)))
    return [told(true)("the enforcer's key is not forced to its helper")]
  const effective = await effectiveAt(settings, host)
  return [
    ...whyUnsound(settings, effective).map(told(true)),
    ...warnings(effective, clock.read().wall).map(told(false)),
  ]
}

function whyUnsound(settings: OpensshSettings, effective: Effective): readonly string[] {
  const { helper, state, unendable } = settings
  const { value } = effective
  const wanted = {
    revokedkeys: [`${state}/krl`],
    // With none, nobody comes in: that is among what is lacking.
    trustedusercakeys: [`${state}/ca.pub`, 'none'],
    authorizedprincipalscommand: [`${helper} ${state} gate %s %u %i`],
    permituserenvironment: ['no'],
    usepam: ['no'],
  }
  const ofAccounts = accountsOf(settings)
    .filter((account) => hasAccount(effective, account))
    .flatMap((account) => [
      ...(value('uid', account) === '0' && !unendable ? [`${account} is root`] : []),
      ...Object.entries(wanted)
        .filter(([name, may]) => !may.includes(value('sshd', account, name) ?? ''))
        .map(([name, [must]]) => `for ${account}, sshd's ${name} is not ${must}`),
    ])
  return [
    ...ofAccounts,
    ...(value('own') === '1' ? [] : ['others than root can change the helper']),
  ]
}

function warnings({ value }: Effective, here: Instant): readonly string[] {
  const apart = Math.abs(Number(value('now')) - here)
  return apart < millisOfSkew
    ? []
    : [`its clock is ${Math.round(apart / 1000)} s from the enforcer's`]
}

/** A key that is forced to the helper gets an answer to no other word. */
async function keyRunsAnything(
  settings: OpensshSettings,
  host: OpensshHost,
): Promise<boolean> {
  const { account, key } = settings
  if (key === null) return false
  const { status } = await run(
    [
      'ssh',
      ...sshOptions(host),
      '-l',
      account,
      '-i',
      fileOf(key),
      '--',
      host.host,
      'exit 7',
    ],
    { env: environment },
  )
  return status === 7
}

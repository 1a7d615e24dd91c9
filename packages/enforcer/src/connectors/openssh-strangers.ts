import { createHash } from 'node:crypto'
import { type GrantId, type Instant, parseGrantId } from '@halligan/core'
import type { Clock } from '../ports.ts'
import { type Answer, ask, sshOptions } from './openssh-host.ts'
import type { Memories } from './openssh-memory.ts'
import { environment, run } from './openssh-program.ts'
import { fileOf, type OpensshHost, type OpensshSettings } from './openssh-settings.ts'
import { caIsExposed, caPublicKey } from './openssh-sign.ts'
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
  const ca = fingerprint(await caPublicKey(settings))
  for (const host of settings.hosts)
    found.push(...(await excessAt(settings, host, ca, clock)))
  return found
}

async function excessAt(
  settings: OpensshSettings,
  host: OpensshHost,
  ca: string,
  clock: Clock,
): Promise<readonly Excess[]> {
  const told = (grave: boolean) => (words: string) => ({
    ...{ grave, words: `${host.name}: ${words}` },
  })
  if (!host.local && (await keyRunsAnything(settings, host)))
    return [told(true)("the enforcer's key is not forced to its helper")]
  const said = await ask(settings, host, ['effective', accountsOf(settings).join(',')])
  return [
    ...whyUnsound(settings, said, ca).map(told(true)),
    ...warnings(said, clock.read().wall).map(told(false)),
  ]
}

const fingerprint = (key: string): string =>
  `SHA256:${createHash('sha256').update(Buffer.from(key, 'base64')).digest('base64').replace(/=+$/, '')}`

const accountsOf = ({ profiles }: OpensshSettings): readonly string[] => [
  ...new Set(Object.values(profiles).flatMap(({ principals }) => principals)),
]

function whyUnsound(
  settings: OpensshSettings,
  said: Answer,
  ca: string,
): readonly string[] {
  const { helper, state, unendable, uncontained } = settings
  const value = (...words: readonly string[]): string | null => {
    const line = said.find((each) => words.every((word, at) => each[at] === word))
    return line === undefined ? null : line.slice(words.length).join(' ')
  }
  const wanted = {
    revokedkeys: `${state}/krl`,
    trustedusercakeys: `${state}/ca.pub`,
    authorizedprincipalscommand: `${helper} ${state} gate %s %u %i`,
    authorizedprincipalscommanduser: 'root',
    permituserenvironment: 'no',
    usepam: 'no',
  }
  const ofAccounts = accountsOf(settings).flatMap((account) => {
    const uid = value('uid', account)
    if (uid === null || uid === '') return [`there is no account ${account}`]
    return [
      ...(uid === '0' && !unendable ? [`${account} is root`] : []),
      ...Object.entries(wanted)
        .filter(([name, must]) => value('sshd', account, name) !== must)
        .map(([name, must]) => `for ${account}, sshd's ${name} is not ${must}`),
    ]
  })
  return [
    ...ofAccounts,
    ...(value('ca') === ca ? [] : ['it trusts another CA than the enforcer signs with']),
    ...(value('krl') === '1' ? [] : ['its KRL is missing or broken: sshd lets nobody in']),
    ...(value('own') === '1' ? [] : ['others than root can change the helper']),
    ...(value('contained') === '1' || uncontained
      ? []
      : ['no cgroup can hold what detaches itself from its session']),
  ]
}

function warnings(said: Answer, here: Instant): readonly string[] {
  const now = Number(said.find(([name]) => name === 'now')?.[1])
  const apart = Math.abs(now - here)
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

/**
 * What an opening would fail for at a host, or would let nobody in for: found before the night on which it is needed.
 *
 * @module
 */
import { accountsOf, type Effective, effectiveAt, hasAccount } from './openssh-effective.ts'
import type { OpensshHost, OpensshSettings } from './openssh-settings.ts'
import { caFingerprint } from './openssh-sign.ts'

/** In words, each with its host. Changes nothing. Throws when a host is away, since what it lacks is not known then. */
export async function lacksOf(settings: OpensshSettings): Promise<readonly string[]> {
  const ca = await caFingerprint(settings)
  const found = await Promise.all(settings.hosts.map((host) => lacksAt(settings, host, ca)))
  return found.flat()
}

async function lacksAt(
  settings: OpensshSettings,
  host: OpensshHost,
  ca: string,
): Promise<readonly string[]> {
  const effective = await effectiveAt(settings, host)
  const { value } = effective
  const words = [
    ...accountsOf(settings).flatMap((account) => ofAccount(settings, effective, account)),
    ...(value('ca') === ca ? [] : ['it trusts another CA than the enforcer signs with']),
    ...(value('krl') === '1' ? [] : ['its KRL is missing or broken: sshd lets nobody in']),
    ...(value('contained') === '1' || settings.uncontained
      ? []
      : ['no cgroup can hold what detaches itself from its session']),
    ...ofRecording(settings, effective),
  ]
  return words.map((each) => `${host.name}: ${each}`)
}

function ofAccount(
  settings: OpensshSettings,
  effective: Effective,
  account: string,
): readonly string[] {
  const { value } = effective
  if (!hasAccount(effective, account))
    return [`${profilesWith(settings, account)}: there is no account ${account}`]
  return [
    ...refusing((name) => value('sshd', account, name)).map(
      (name) => `for ${account}, sshd's ${name} lets no certificate in`,
    ),
    ...shut
      .filter(([why]) => value('shut', account, why) !== null)
      .map(([, words]) => `${account} ${words}`),
  ]
}

/** Settings of sshd's for an account with which no certificate comes in at all. Without a gate all do, which is excess. */
function refusing(of: (setting: string) => string | null): readonly string[] {
  const isGateLame =
    of('authorizedprincipalscommand') !== 'none' &&
    of('authorizedprincipalscommanduser') !== 'root'
  return [
    ...(of('trustedusercakeys') === 'none' ? ['trustedusercakeys'] : []),
    ...(isGateLame ? ['authorizedprincipalscommanduser'] : []),
    ...(of('pubkeyauthentication') === 'no' ? ['pubkeyauthentication'] : []),
  ]
}

const shut = [
  ['locked', 'has a locked password: without PAM, sshd lets nobody in'],
  ['expired', 'has expired: sshd lets nobody in'],
  ['shell', 'has no shell in which anything runs'],
] as const

const profilesWith = ({ profiles }: OpensshSettings, account: string): string =>
  `profiles ${Object.keys(profiles)
    .filter((name) => profiles[name]?.principals.includes(account))
    .join(', ')}`

/** A helper that is older than this question does not say. */
function ofRecording(
  { profiles }: OpensshSettings,
  { value }: Effective,
): readonly string[] {
  const recorded = Object.keys(profiles).filter((name) => profiles[name]?.record)
  return recorded.length === 0 || value('recorder') !== '0'
    ? []
    : [`profiles ${recorded.join(', ')}: halligan-record, script or chattr is missing`]
}

import type { GrantId, Instant } from '@halligan/core'
import type { Clock } from '../ports.ts'
import { endGrant } from './openssh-ending.ts'
import { pinned } from './openssh-host.ts'
import type { HeldHost } from './openssh-lock.ts'
import type { Memories, Memory } from './openssh-memory.ts'
import { type OpensshSettings, type Profile, profileOf } from './openssh-settings.ts'
import { type Issued, issue } from './openssh-sign.ts'
import type { Applied, Credential, Opening } from './port.ts'

type Lent = Readonly<{ clock: Clock; memories: Memories }>

/**
 * A certificate that lets nobody in until a host admits its serial, which it does only before `applyBefore` on its own
 * clock. Hosts that could not be reached are not in `held`: nothing was asked of them, and the certificate opens nothing there.
 */
export async function applyCertificate(
  settings: OpensshSettings,
  { clock, memories }: Lent,
  held: readonly HeldHost[],
  opening: Opening,
): Promise<Applied> {
  const { grant, privileges, applyBefore, deadline } = opening
  const profile = profileOf(settings, privileges)
  const before = memories.of(grant)
  const asked = held.map(({ host }) => host.name)
  const { issued, memory } = await issueAnother(settings, clock, grant, profile, {
    ...{ certificates: [], privateKey: '', ...before, privileges, deadline },
    asked: [...new Set([...(before?.asked ?? []), ...asked])],
  })
  memories.put(grant, memory)
  const answers = await askAll(held, [
    ...['admit', grant, String(issued.serial), String(applyBefore)],
    ...[seconds(deadline), flag(profile.record), flag(settings.uncontained)],
    ...[flag(settings.unendable), profile.principals.join(',')],
  ])
  const late = answers.filter(({ words }) => words[0] === 'late')
  if (late.length > 0) {
    await endGrant(settings, memory, grant, clock.read().wall)
    return { kind: 'too_late', targetNow: latest(late.map(({ words }) => words[1])) }
  }
  mustBeAdmitted(answers)
  return { kind: 'applied', credential: credentialOf(held, profile, issued) }
}

/** Every host that may let the old certificate in has to take the new one instead: none of them may be away. */
export async function resealCertificate(
  settings: OpensshSettings,
  { clock, memories }: Lent,
  held: readonly HeldHost[],
  grant: GrantId,
): Promise<Credential> {
  const before = memories.of(grant)
  if (before === null) throw new Error('nothing is remembered of this grant')
  const asked = held.filter(({ host }) => before.asked.includes(host.name))
  if (asked.length < before.asked.length)
    throw new Error(`not all of ${before.asked.join(', ')} can be reached`)
  const profile = profileOf(settings, before.privileges)
  const { issued, memory } = await issueAnother(settings, clock, grant, profile, before)
  memories.put(grant, memory)
  mustBeAdmitted(await askAll(asked, ['replace', grant, String(issued.serial)]))
  return credentialOf(asked, profile, issued)
}

async function issueAnother(
  settings: OpensshSettings,
  clock: Clock,
  grant: GrantId,
  profile: Profile,
  memory: Memory,
): Promise<Readonly<{ issued: Issued; memory: Memory }>> {
  const { deadline, certificates } = memory
  const now = clock.read().wall
  const attempt = certificates.length
  const issued = await issue(settings, { grant, attempt, profile, now, deadline })
  const { certificate, privateKey, serial } = issued
  const all = [...certificates, { serial: String(serial), certificate }]
  return { issued, memory: { ...memory, privateKey, certificates: all } }
}

type Told = Readonly<{ host: string; words: readonly string[] }>

/** Resolves when every host has answered; throws when one has not, after all of them were waited for. */
async function askAll(
  held: readonly HeldHost[],
  request: readonly string[],
): Promise<readonly Told[]> {
  const answers = await Promise.allSettled(
    held.map(async ({ host, hold }) => ({
      host: host.name,
      words: await hold.request(request),
    })),
  )
  return answers.map((answer) => {
    if (answer.status === 'rejected') throw answer.reason
    return answer.value
  })
}

function mustBeAdmitted(answers: readonly Told[]): void {
  const refusals = answers.filter(({ words }) => words[0] !== 'admitted')
  if (refusals.length > 0)
    throw new Error(
      refusals
        .map(({ host, words }) => `${host} admits nobody: ${words.join(' ')}`)
        .join('; '),
    )
}

const latest = (times: readonly (string | undefined)[]): Instant =>
  Math.max(...times.map(Number)) as Instant

const flag = (value: boolean): string => (value ? '1' : '0')
const seconds = (at: Instant): string => String(Math.floor(at / 1000))

/** Destinations are URIs that `ssh` takes, one a line, for each account on each host that admits the certificate. */
function credentialOf(
  held: readonly HeldHost[],
  profile: Profile,
  { privateKey, certificate }: Issued,
): Credential {
  const hosts = held.map(({ host }) => host)
  const destinations = hosts.flatMap(({ reach }) =>
    profile.principals.map((account) => {
      const host = reach.host.includes(':') ? `[${reach.host}]` : reach.host
      return `ssh://${account}@${host}:${reach.port}`
    }),
  )
  return {
    SSH_DESTINATIONS: destinations.join('\n'),
    SSH_PRIVATE_KEY: privateKey,
    SSH_CERTIFICATE: certificate,
    SSH_KNOWN_HOSTS: hosts.map((host) => pinned({ ...host, ...host.reach })).join('\n'),
  }
}

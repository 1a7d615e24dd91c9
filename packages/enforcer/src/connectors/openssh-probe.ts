import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { GrantId, Instant, ProbeResult } from '@halligan/core'
import { hostsOf } from './openssh-ending.ts'
import { ask, sshOptions } from './openssh-host.ts'
import type { Memory } from './openssh-memory.ts'
import { inPrivateFolder, lastWords, run } from './openssh-program.ts'
import { type OpensshHost, type OpensshSettings, profileOf } from './openssh-settings.ts'

type Reading = Readonly<{
  now: number
  /** The serial that the host lets in, or 0. */
  admitted: string
  certificates: number
  revoked: number
  listed: number
  connections: number
  processes: number
}>

async function readHost(
  settings: OpensshSettings,
  host: OpensshHost,
  grant: GrantId,
  memory: Memory | null,
): Promise<Reading> {
  const certificates = memory?.certificates.map(({ certificate }) => certificate) ?? []
  const answer = await ask(
    settings,
    host,
    ['probe', grant],
    `${certificates.join('\n')}\n\n`,
  )
  const said = new Map(answer.map(([name = '', value = '']) => [name, value]))
  const count = (name: string): number => {
    const value = said.get(name)
    if (value === undefined || !/^\d+$/.test(value))
      throw new Error(`${host.name}: a probe without ${name}`)
    return Number(value)
  }
  count('admitted')
  if (count('certificates') !== certificates.length)
    throw new Error(`${host.name}: not all certificates were looked at`)
  return {
    admitted: said.get('admitted') ?? '',
    ...{
      now: count('now'),
      certificates: count('certificates'),
      revoked: count('revoked'),
    },
    ...{ listed: count('listed'), connections: count('connections') },
    processes: count('processes'),
  }
}

/** True once a host lets the last certificate in. Throws when none does and one did not answer. */
export async function isAdmitted(
  settings: OpensshSettings,
  memory: Memory | null,
  grant: GrantId,
): Promise<boolean> {
  const serial = memory?.certificates.at(-1)?.serial
  const readings = await Promise.allSettled(
    hostsOf(settings, memory).map((host) => readHost(settings, host, grant, memory)),
  )
  let failure: unknown = null
  for (const reading of readings) {
    if (reading.status === 'rejected') failure = reading.reason
    else if (reading.value.admitted === (serial ?? reading.value.admitted)) {
      if (reading.value.admitted !== '0') return true
    }
  }
  if (failure !== null) throw failure
  return false
}

/**
 * What every host that may have admitted the grant says on a connection opened for this, and whether the last certificate
 * still opens it, as its holder would try. Throws when one of them does not answer: its sessions are unknown then, though the
 * certificate's own end bounds new ones (C-11).
 */
export async function probeHosts(
  settings: OpensshSettings,
  memory: Memory | null,
  grant: GrantId,
): Promise<readonly ProbeResult[]> {
  const hosts = hostsOf(settings, memory)
  const [readings, logins] = await Promise.all([
    Promise.all(hosts.map((host) => readHost(settings, host, grant, memory))),
    Promise.all(hosts.map((host) => opens(settings, host, memory))),
  ])
  const at = Math.max(...readings.map(({ now }) => now)) as Instant
  const everywhere = (probe: string, absent: (reading: Reading) => boolean) => ({
    ...{ probe, absent: readings.every(absent), at },
  })
  return [
    everywhere('admission', ({ admitted }) => admitted === '0'),
    everywhere(
      'revocation',
      ({ listed, revoked, certificates }) => listed > 0 && revoked === certificates,
    ),
    everywhere('connections', ({ connections }) => connections === 0),
    everywhere('processes', ({ processes }) => processes === 0),
    ...(memory === null
      ? []
      : [{ probe: 'login', absent: logins.every((opened) => !opened), at }]),
  ]
}

/** A real attempt with the real certificate. Only sshd's own refusal counts as one. */
async function opens(
  settings: OpensshSettings,
  host: OpensshHost,
  memory: Memory | null,
): Promise<boolean> {
  const certificate = memory?.certificates.at(-1)?.certificate
  if (memory === null || certificate === undefined) return false
  const [account = ''] = profileOf(settings, memory.privileges).principals
  return inPrivateFolder(async (folder) => {
    const key = join(folder, 'key')
    await writeFile(key, memory.privateKey, { mode: 0o600 })
    await writeFile(`${key}-cert.pub`, `${certificate}\n`, { mode: 0o600 })
    const as = ['-l', account, '-i', key, '-o', `CertificateFile=${key}-cert.pub`]
    const { status, stderr } = await run([
      'ssh',
      ...sshOptions(host),
      ...as,
      '--',
      host.host,
      'exit',
    ])
    if (status !== 255) return true
    if (/Permission denied \(/.test(stderr)) return false
    throw new Error(`${host.name}: ${lastWords(stderr)}`)
  })
}

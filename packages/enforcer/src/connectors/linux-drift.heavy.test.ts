import { describe, expect, test } from 'vitest'
import { freshGrant } from '../../test/fresh-grant.ts'
import { onLinuxHost } from '../../test/linux-grantee.ts'
import { describeOnLinuxHost, labSettings, labTarget } from '../../test/linux-lab.ts'
import { linuxConnector } from './linux.ts'
import { linuxSettings } from './linux-settings.ts'

/** What stands on the host beside what grants say, and what goes wrong while something is made. */
describeOnLinuxHost(() => {
  const { at, tryToApply, opened, end, present, cleanup } = onLinuxHost()
  /** The persistence diff of a grant in whose life root did this. */
  const leftBehind = async (script: string) => {
    const before = await at.connector.snapshot(labTarget)
    const grant = await opened('sudo:anything')
    const shell = await at.lab.login('ada-adm')
    await at.lab.sh(`cat > /mnt/deed <<'END'\n${script}\nEND\nchmod 755 /mnt/deed`)
    await shell.ask('sudo -n sh -e /mnt/deed')
    await shell.leave()
    await end(grant)
    const after = await at.connector.snapshot(labTarget)
    await cleanup(grant)
    return at.connector.difference(before, after, grant)
  }
  const live = () => at.lab.sh('ls -A /etc/sudoers.d')
  const soundly = () => at.lab.sh('visudo -c')

  describe('the persistence diff', () => {
    test('ways back that root has made are all found', async () => {
      const found = await leftBehind(`
        useradd -o -u 0 -M -d /mnt/root toor
        gpasswd -a bob-adm sudo
        echo 'bob-adm:changed' | chpasswd
        echo 'bob-adm ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/zz; chmod 440 /etc/sudoers.d/zz
        mkdir -p /mnt/bob-adm/.ssh; echo 'ssh-ed25519 AAAAkey mallory' > /mnt/bob-adm/.ssh/authorized_keys
        echo '* * * * * root /tmp/x' > /etc/cron.d/x
        echo '* * * * * /tmp/x' > /var/spool/cron/crontabs/bob-adm
        echo '[Service]' > /etc/systemd/system/x.service
        echo /tmp/x.so > /etc/ld.so.preload.x; mv /etc/ld.so.preload.x /etc/ld.so.conf.d/x.conf
        echo 'auth sufficient pam_permit.so' >> /etc/pam.d/su
        echo 'true' >> /mnt/root/.bashrc
        cp /bin/true /mnt/bob-adm/root; chmod 4755 /mnt/bob-adm/root
        cp /bin/true /mnt/bob-adm/group; chgrp payments-ops /mnt/bob-adm/group; chmod 2755 /mnt/bob-adm/group`)
      const names = found.map(({ what, object }) => `${what} ${object.split(' (')[0]}`)
      expect(names).toEqual(
        expect.arrayContaining([
          'account_added toor',
          'member_added bob-adm in sudo',
          'password_changed bob-adm',
          'sudoers_added /etc/sudoers.d/zz',
          'authorized_key_added /mnt/bob-adm/.ssh/authorized_keys: ssh-ed25519 AAAAkey mallory',
          'job_added /etc/cron.d/x',
          'job_added /var/spool/cron/crontabs/bob-adm',
          'unit_added /etc/systemd/system/x.service',
          'loader_added /etc/ld.so.conf.d/x.conf',
          'login_changed /etc/pam.d/su',
          'home_file_added /mnt/root/.bashrc',
          'setuid_added /mnt/bob-adm/root',
          'setuid_added /mnt/bob-adm/group',
        ]),
      )
      expect(JSON.stringify(found)).not.toMatch(/\$(y|6|1)\$/)
      await at.lab.sh(`sed -i /^toor:/d /etc/passwd /etc/shadow; gpasswd -d bob-adm sudo; rm -r /etc/sudoers.d/zz /etc/cron.d/x \
        /var/spool/cron/crontabs/bob-adm /etc/systemd/system/x.service /etc/ld.so.conf.d/x.conf \
        /mnt/bob-adm/.ssh /mnt/bob-adm/root /mnt/bob-adm/group /mnt/root/.bashrc
        sed -i /pam_permit.so$/d /etc/pam.d/su`)
    })

    test('AP-14 a name of many lines is one name', async () => {
      const found = await leftBehind(
        `printf x > "$(printf '/etc/cron.d/a (b)\\nsetuid\\033[2J\\303\\244')"`,
      )
      expect(found).toContainEqual({
        what: 'job_added',
        object: expect.stringMatching(/^\/etc\/cron\.d\/a \(b\)\\nsetuid\\u001b\[2J/),
      })
      await at.lab.sh('rm /etc/cron.d/a*')
    })

    test('a snapshot holds no secret, and settles in time', async () => {
      await at.lab.sh(`echo 'ada-adm:correct horse' | chpasswd`)
      const hash = await at.lab.sh(`sed -n 's/^ada-adm:\\([^:]*\\):.*/\\1/p' /etc/shadow`)
      const begun = performance.now()
      const snapshot = await at.connector.snapshot(labTarget)
      expect(performance.now() - begun).toBeLessThan(20_000)
      expect(hash.length).toBeGreaterThan(20)
      expect(snapshot).not.toContain(hash.trim())
      expect(snapshot).toContain('ada-adm')
    })
  })

  describe('drift', () => {
    test('EN-26 rules and members that no grant explains are told', async () => {
      const grant = await opened('sudo:read_ledger')
      expect(await at.connector.strangers?.(labTarget)).toEqual([])
      const forged = freshGrant()
      const rule = (name: string) => `/etc/sudoers.d/halligan-${name}`
      const made = (await at.lab.sh(`ls ${rule(`*-${grant}`)}`)).trim()
      await at.lab.sh(`cp -p ${made} ${rule(forged)}; cp -p ${made} ${rule('x')}
        echo '# more' >> ${made}; gpasswd -a bob-adm payments-ops`)
      expect(await at.connector.standing(labTarget)).toContain(forged)
      expect(await at.connector.strangers?.(labTarget)).toEqual([
        { what: 'foreign_rule', object: '"halligan-x"' },
        { what: 'changed_rule', object: grant },
        { what: 'foreign_member', object: '"bob-adm in payments-ops"' },
      ])
      expect(await at.connector.probePresent(grant, labTarget)).toBe(false)
      await at.lab.sh(`rm ${rule('x')} ${rule(forged)}; gpasswd -d bob-adm payments-ops`)
    })

    test('running as root is said, and is not called too much', async () => {
      const said = (await at.connector.excess?.(labTarget)) ?? []
      expect(said.every(({ grave }) => !grave)).toBe(true)
      expect(said.map(({ words }) => words).join()).toMatch(/runs as root.*sudo:anything/)
    })
  })

  describe('making a rule', () => {
    test('S-01 a full disk leaves no half of a rule, and nothing that breaks sudo', async () => {
      await at.lab.sh(`mount -t tmpfs -o size=8k,mode=755 tmpfs /etc/sudoers.d
        head -c 8192 /dev/zero > /etc/sudoers.d/README.full || true`)
      await expect(tryToApply(['sudo:read_ledger'])).rejects.toThrow(/was not made/)
      expect((await live()).trim()).toBe('README.full')
      await soundly()
      await at.lab.sh('rm /etc/sudoers.d/README.full')
      const grant = await opened('sudo:read_ledger')
      expect(await at.connector.probePresent(grant, labTarget)).toBe(true)
      await end(grant)
      expect(await present(grant)).toEqual([])
      await at.lab.sh('umount /etc/sudoers.d')
    })

    test('bytes that visudo refuses never go live', async () => {
      const before = await live()
      await at.lab.sh('mount --bind /bin/false /usr/sbin/visudo')
      await expect(tryToApply(['sudo:read_ledger'])).rejects.toThrow(/was not made/)
      expect(await live()).toBe(before)
      await at.lab.sh('umount /usr/sbin/visudo')
    })

    test('a rule is root’s and nobody can read it, and sudoers stays sound', async () => {
      const grant = await opened('sudo:read_ledger')
      expect(await at.lab.sh(`stat -c '%a %u %g' /etc/sudoers.d/halligan-*-${grant}`)).toBe(
        '440 0 0\n',
      )
      await soundly()
    })

    test('a program that somebody else may replace is not made runnable as root', async () => {
      const folder = '/mnt/ada-adm/bin'
      await at.lab.sh(
        `mkdir -p ${folder}; cp /bin/true ${folder}/fix; chown -R ada-adm ${folder}`,
      )
      const runAs = ['root']
      const sudo = { fix: { runAs, commands: [`${folder}/fix`] } }
      const own = at.lab.connector(at.books, { sudo })
      await at.connector.close()
      await own.open()
      at.connector = own
      await expect(tryToApply(['sudo:fix'])).rejects.toThrow(/somebody other than root/)
      await at.lab.sh(`rm -r ${folder}`)
      expect(await live()).not.toContain('halligan')
    })

    test('a program that is a shell by another name is refused on the host', async () => {
      await at.lab.sh(
        'mount -t tmpfs -o mode=755 tmpfs /usr/local/bin; ln -s /bin/dash /usr/local/bin/fix',
      )
      const sudo = { fix: { runAs: ['root'], commands: ['/usr/local/bin/fix'] } }
      const own = at.lab.connector(at.books, { sudo })
      await at.connector.close()
      await own.open()
      at.connector = own
      await expect(tryToApply(['sudo:fix'])).rejects.toThrow(/can run other commands/)
      await at.lab.sh('umount /usr/local/bin')
    })
  })

  test('the programs of the host do their work with the capabilities that are documented', async () => {
    const least =
      'chown,dac_override,dac_read_search,fowner,kill,setgid,setuid,sys_ptrace,audit_write'
    const bounding = `-all,${least.replaceAll(/^|,/g, (sign) => `${sign}+`)}`
    const bounded = ['setpriv', '--no-new-privs', '--bounding-set', bounding]
    const { lab, books } = at
    const own = linuxConnector(linuxSettings(labSettings), books, {
      root: lab.host.root,
      before: () => [...lab.host.before(), ...bounded],
    })
    await at.connector.close()
    await own.open()
    at.connector = own
    const { grant } = await tryToApply(['group:payments-ops', 'sudo:read_books'])
    expect(await own.probePresent(grant, labTarget)).toBe(true)
    const shell = await lab.login('ada-adm')
    await shell.ask('rm -f ~/tail.out; (sudo -n tail -f /mnt/books > ~/tail.out 2>&1 &)')
    await shell.ask('while ! grep -qs open ~/tail.out; do :; done')
    await end(grant)
    expect(await present(grant)).toEqual([])
    expect(await shell.can('true')).toBe(false)
    expect(await own.evidence?.(grant, labTarget)).toMatchObject({ complete: true })
    expect(await own.snapshot(labTarget)).not.toContain('incomplete')
  })

  describe('what sudo recorded', () => {
    test('is what the commands of the grant printed, also of one that was killed', async () => {
      const grant = await opened('sudo:read_books')
      const shell = await at.lab.login('ada-adm')
      await shell.ask('sudo -n cat /mnt/books')
      await shell.ask('rm -f ~/tail.out; (sudo -n tail -f /mnt/books > ~/tail.out 2>&1 &)')
      await shell.ask('while ! grep -qs open ~/tail.out; do :; done')
      await end(grant)
      const evidence = await at.connector.evidence?.(grant, labTarget)
      expect(evidence).toMatchObject({ what: 'sudo_output', complete: true })
      expect(
        evidence?.text
          .split('\n')
          .map((line) => line.trim())
          .filter(Boolean),
      ).toEqual([
        expect.stringContaining('"command":"/usr/bin/cat /mnt/books"'),
        'open',
        expect.stringContaining('"command":"/usr/bin/tail -f /mnt/books"'),
        'open',
      ])
      expect(await at.lab.sh('stat -c %a /var/log/sudo-io/halligan')).toBe('700\n')
      await cleanup(grant)
      expect(await at.lab.sh('ls /var/log/sudo-io/halligan')).toBe('')
      await shell.leave()
    })

    test('of two grants at once is shown with both, and kept until both are over', async () => {
      const [first, second] = [
        await opened('sudo:read_books'),
        await opened('sudo:read_books'),
      ]
      const shell = await at.lab.login('ada-adm')
      await shell.ask('sudo -n cat /mnt/books')
      await end(second)
      const text = async (grant: typeof first) =>
        (await at.connector.evidence?.(grant, labTarget))?.text ?? ''
      expect(await text(second)).toContain('open')
      await cleanup(second)
      await end(first)
      expect(await text(first)).toContain('open')
      await cleanup(first)
      expect(await at.lab.sh('ls /var/log/sudo-io/halligan')).toBe('')
      await shell.leave()
    })

    test('INV-14 shows what a command prints as what it is, and as no other command', async () => {
      const forged = '{"at":"2026-01-01T00:00:00.000Z","command":"/usr/bin/true"}'
      await at.lab.sh('cp -p /mnt/books /mnt/kept')
      await at.lab.sh(
        `printf '%s\\r%s\\n\\033[2Jopen\\n' '${forged}' '${forged}' > /mnt/books`,
      )
      const grant = await opened('sudo:read_books')
      const shell = await at.lab.login('ada-adm')
      await shell.ask('sudo -n cat /mnt/books')
      await end(grant)
      await at.lab.sh('cp -p /mnt/kept /mnt/books')
      const { text = '' } = (await at.connector.evidence?.(grant, labTarget)) ?? {}
      expect(text.split(/[\r\n]/).filter((line) => line.startsWith('{'))).toHaveLength(1)
      expect(text).toContain(forged)
      expect(text).toContain('\\x1b[2Jopen')
      await cleanup(grant)
      await shell.leave()
    })

    test('is shown, and not called complete, where a record does not say when it was', async () => {
      const grant = await opened('sudo:read_books')
      const shell = await at.lab.login('ada-adm')
      await shell.ask('sudo -n cat /mnt/books')
      await end(grant)
      await at.lab.sh(`: > /var/log/sudo-io/halligan/${grant}/00/00/01/log.json`)
      const evidence = await at.connector.evidence?.(grant, labTarget)
      expect(evidence?.complete).toBe(false)
      expect(evidence?.text).toContain('{"at":null,"command":null}')
      await shell.leave()
    })

    test('is not called complete where a profile records nothing, and is none of a group', async () => {
      const { grant } = await tryToApply(['sudo:read_books', 'sudo:read_ledger'])
      const member = await opened('group:payments-ops', { requester: 'bob' })
      await end(grant)
      expect(await at.connector.evidence?.(grant, labTarget)).toMatchObject({
        complete: false,
      })
      expect(await at.connector.evidence?.(member, labTarget)).toBe(null)
    })
  })
})

import { describe, expect, test } from 'vitest'
import { freshGrant } from '../../test/fresh-grant.ts'
import { onLinuxHost } from '../../test/linux-grantee.ts'
import { describeOnLinuxHost, labTarget } from '../../test/linux-lab.ts'
import { kill, processes } from './linux-processes.ts'

/** What a grantee who is inside can still do after the end: nothing but what is said to be a residual. */
describeOnLinuxHost(() => {
  const { at, opened, end, present, cleanup } = onLinuxHost()
  const ada = () => at.lab.login('ada-adm')
  const runs = async (name: string) =>
    (await at.lab.sh(`pgrep -fx '${name}' || true`)).trim() !== ''
  /** Until a process that was started in the background is there. */
  const running = async (name: string) => {
    while (!(await runs(name))) await new Promise((soon) => setTimeout(soon, 10))
  }

  describe('a group', () => {
    test('EN-08 C-04 processes keep a group that was taken, and are ended with it', async () => {
      const before = await ada()
      const grant = await opened('group:payments-ops')
      const shell = await ada()
      await shell.ask('(setsid sleep 1111 &)')
      await shell.ask(`(setsid newgrp payments-ops < /dev/null &)`)
      await running('sleep 1111')
      await at.lab.sh('gpasswd -d ada-adm payments-ops')
      expect(await shell.can('cat /mnt/ledger')).toBe(true)
      expect(await present(grant)).toEqual(['group_processes'])
      await end(grant)
      expect(await present(grant)).toEqual([])
      expect(await shell.can('true')).toBe(false)
      expect(await runs('sleep 1111')).toBe(false)
      expect(await before.can('true')).toBe(true)
      expect(await before.can('cat /mnt/ledger')).toBe(false)
      await before.leave()
    })

    test('INV-10 a grant that neither its note nor the settings tell of is not called absent', async () => {
      const grant = await opened('group:payments-ops')
      at.books.shelf.put(grant, labTarget, 'damaged')
      at.books.become(grant, 'ending')
      const changed = at.lab.connector(at.books, { accounts: { bob: 'bob-adm' } })
      await expect(changed.end(grant, labTarget)).rejects.toThrow('is not known')
      await expect(changed.probeAbsent(grant, labTarget)).rejects.toThrow('is not known')
      await end(grant)
      expect(await present(grant)).toEqual([])
      expect(await (await ada()).can('cat /mnt/ledger')).toBe(false)
    })

    test.each<[string, 'ada' | 'bob', string, string]>([
      ['account', 'bob', '/etc/passwd', '/^bob-adm:/d'],
      ['group', 'ada', '/etc/group', '/^payments-ops:/d'],
    ])(
      'INV-10 a note that cannot be read, and its %s that is gone: not called absent',
      async (_, requester, file, deletion) => {
        const grant = await opened('group:payments-ops', { requester })
        const shell = await at.lab.login(`${requester}-adm`)
        at.books.shelf.put(grant, labTarget, 'damaged')
        expect(await shell.can('cat /mnt/ledger')).toBe(true)
        await at.lab.sh(`cp -p ${file} /mnt/kept; sed -i '${deletion}' ${file}`)
        await expect(end(grant)).rejects.toThrow('is not known')
        expect(await shell.can('cat /mnt/ledger')).toBe(true)
        await expect(present(grant)).rejects.toThrow('is not known')
        await at.lab.sh(`cp -p /mnt/kept ${file}`)
        await end(grant)
        expect(await present(grant)).toEqual([])
        expect(await shell.can('true')).toBe(false)
        await cleanup(grant)
      },
    )

    test('the same group held by somebody else, or by root, is nobody that is ended', async () => {
      const grant = await opened('group:payments-ops')
      const ops = await at.lab.login('ops')
      await end(grant)
      expect(await ops.can('cat /mnt/ledger')).toBe(true)
      await ops.leave()
    })

    test('EN-16 a membership that somebody gives again is not called absent, and is drift', async () => {
      const grant = await opened('group:payments-ops')
      await end(grant)
      expect(await present(grant)).toEqual([])
      await at.lab.sh('gpasswd -a ada-adm payments-ops')
      expect(await present(grant)).toEqual(['group_membership'])
      expect(await at.connector.standing('payments-host')).toContain(grant)
      await end(grant)
      await cleanup(grant)
      await at.lab.sh('gpasswd -a ada-adm payments-ops')
      expect(await at.connector.strangers?.('payments-host')).toEqual([
        { what: 'foreign_member', object: '"ada-adm in payments-ops"' },
      ])
      await at.lab.sh('gpasswd -d ada-adm payments-ops')
    })

    test('EN-11 an account, then a group, that is gone is no failure', async () => {
      await at.lab.sh('cp -p /etc/passwd /mnt/passwd')
      const grant = await opened('group:payments-ops', { requester: 'bob' })
      const shell = await at.lab.login('bob-adm')
      await at.lab.sh(`sed -i '/^bob-adm:/d' /etc/passwd; sed -i 's/,bob-adm//' /etc/group`)
      await end(grant)
      expect(await present(grant)).toEqual([])
      expect(await shell.can('true')).toBe(false)
      await cleanup(grant)
      await at.lab.sh('cp -p /mnt/passwd /etc/passwd')

      await at.lab.sh('groupadd passing')
      const other = at.lab.connector(at.books, { groups: { passing: {} } })
      await at.connector.close()
      await other.open()
      at.connector = other
      const second = await opened('group:passing')
      const held = await ada()
      await at.lab.sh('groupdel passing')
      await end(second)
      expect(await present(second)).toEqual([])
      expect(await held.can('true')).toBe(false)
      await cleanup(second)
    })

    test('EN-10 C-04 a host that says done and keeps the member is not believed', async () => {
      const grant = await opened('group:payments-ops')
      await at.lab.sh('mount --bind /bin/true /usr/bin/gpasswd')
      await end(grant)
      expect(await present(grant)).toEqual(['group_membership'])
      await at.lab.sh('umount /usr/bin/gpasswd')
      await end(grant)
      expect(await present(grant)).toEqual([])
    })
  })

  describe('a rule of sudo', () => {
    test('C-04 a command that runs through sudo is ended, and its whole family', async () => {
      const grant = await opened('sudo:anything')
      const shell = await ada()
      await shell.ask(`(sudo -n sh -c 'sleep 1201 & sleep 1202' >/dev/null &)`)
      await shell.ask(`(sudo -n setsid -f sleep 1203)`)
      for (const seconds of [1201, 1202, 1203]) await running(`sleep ${seconds}`)
      await at.lab.sh(`rm /etc/sudoers.d/halligan-*-${grant}`)
      expect(await present(grant)).toEqual(['sudo_processes'])
      await end(grant)
      expect(await present(grant)).toEqual([])
      for (const seconds of [1201, 1202, 1203])
        expect(await runs(`sleep ${seconds}`)).toBe(false)
      expect(await shell.can('true')).toBe(true)
      await shell.leave()
    })

    test('sudo that waits for a password since before the end runs nothing any more', async () => {
      await at.lab.sh(`echo 'ada-adm:correct horse' | chpasswd`)
      const waiting = async (name: string) => {
        const shell = await ada()
        await shell.ask(`cd; rm -f ${name} ${name}.out; mkfifo ${name}`)
        await shell.ask(
          `(sudo -S -p waits /usr/bin/cat /mnt/ledger < ${name} > ${name}.out 2>&1 &); exec 9> ${name}`,
        )
        await shell.ask(`while ! grep -q waits ${name}.out; do :; done`)
        return shell
      }
      const type = (name: string) =>
        `echo 'correct horse' >&9; while pgrep -x sudo > /dev/null; do :; done; cat ~/${name}.out`
      const grant = await opened('sudo:with_password')
      const first = await waiting('one')
      expect(await first.ask(type('one'))).toBe('waitsopen\n')
      await first.ask('exec 9>&-; sudo -K')

      const second = await waiting('two')
      await end(grant)
      expect(await second.ask(`(echo 'correct horse' >&9) || true; cat ~/two.out`)).toBe(
        'waits',
      )
      expect(await present(grant)).toEqual([])
      for (const shell of [first, second]) await shell.leave()
    })

    test('a password that sudo remembers is forgotten', async () => {
      await at.lab.sh(`echo 'ada-adm:correct horse' | chpasswd`)
      const grant = await opened('sudo:with_password')
      const shell = await ada()
      await shell.ask(`echo 'correct horse' | sudo -S cat /mnt/ledger`)
      await shell.ask('sudo -n cat /mnt/ledger')
      await at.lab.sh(`rm /etc/sudoers.d/halligan-*-${grant}`)
      expect(await present(grant)).toEqual(['sudo_timestamp'])
      await end(grant)
      expect(await present(grant)).toEqual([])
      await cleanup(grant)
      const again = await opened('sudo:with_password')
      expect(await shell.can('sudo -n cat /mnt/ledger')).toBe(false)
      await end(again)
      await shell.leave()
    })

    test('EN-17 what a standing rule or another grant allows runs on', async () => {
      const standing = 'ada-adm ALL = (root) NOPASSWD: /usr/bin/sleep 1301'
      await at.lab.sh(`echo '${standing}' > /etc/sudoers.d/ada`)
      const [first, second] = [
        await opened('sudo:anything'),
        await opened('sudo:read_books'),
      ]
      const shell = await ada()
      await shell.ask('(sudo -n sleep 1301 >/dev/null &)')
      await shell.ask('(sudo -n tail -f /mnt/books >/dev/null &)')
      await shell.ask('(sudo -n sleep 1302 >/dev/null &)')
      for (const name of ['sleep 1301', 'sleep 1302', '/usr/bin/tail -f /mnt/books'])
        await running(name.replace('/usr/bin/', '(/usr/bin/)?'))
      await end(first)
      expect(await present(first)).toEqual([])
      expect(await runs('sleep 1302')).toBe(false)
      expect(await runs('(/usr/bin/)?tail -f /mnt/books')).toBe(true)
      await end(second)
      expect(await present(second)).toEqual([])
      expect(await runs('(/usr/bin/)?tail -f /mnt/books')).toBe(false)
      expect(await runs('sleep 1301')).toBe(true)
      await at.lab.sh('rm /etc/sudoers.d/ada')
      await shell.leave()
    })

    test('EN-17 a command that two grants allow may run as long as the longer one lasts', async () => {
      const [shell, bob] = [await ada(), await at.lab.login('bob-adm')]
      const [a, b] = [freshGrant(), freshGrant()]
      // Ids say nothing of an order: each of the two is the one that is over first, once.
      for (const [first, second] of [
        [a, b],
        [b, a],
      ] as const) {
        const brief = await opened('sudo:read_books', { grant: first, secondsLeft: 3 })
        const long = await opened('sudo:read_books', { grant: second })
        await shell.ask('(sudo -n tail -f /mnt/books > /dev/null 2>&1 &)')
        await running('(/usr/bin/)?tail -f /mnt/books')
        const other = await opened('sudo:read_books', { requester: 'bob', secondsLeft: 3 })
        expect(await bob.can('sudo -n tail -f /mnt/books')).toBe(false)
        await end(brief)
        expect(await runs('(/usr/bin/)?tail -f /mnt/books')).toBe(true)
        await end(long)
        expect(await runs('(/usr/bin/)?tail -f /mnt/books')).toBe(false)
        for (const grant of [brief, long]) await cleanup(grant)
        await end(other)
      }
      for (const one of [shell, bob]) await one.leave()
    })

    test('INV-21 sudo itself knows the deadline: it refuses after it, and ends what runs', async () => {
      const shell = await ada()
      const over = await opened('sudo:read_ledger', { secondsLeft: 0 })
      expect(await shell.can('sudo -n cat /mnt/ledger')).toBe(false)
      await end(over)
      const grant = await opened('sudo:read_books', { secondsLeft: 3 })
      expect(await shell.can('sudo -n cat /mnt/books')).toBe(true)
      const begun = performance.now()
      expect(await shell.can('sudo -n tail -f /mnt/books')).toBe(false)
      expect(performance.now() - begun).toBeLessThan(6_000)
      expect(await shell.can('sudo -n cat /mnt/books')).toBe(false)
      await end(grant)
      await shell.leave()
    })

    test('C-08 a rule that comes back from a backup is seen, and ended again', async () => {
      const grant = await opened('sudo:read_ledger')
      const file = (await at.lab.sh(`ls /etc/sudoers.d/halligan-*-${grant}`)).trim()
      await at.lab.sh(`cp -p ${file} /mnt/backup`)
      await end(grant)
      await cleanup(grant)
      expect(await at.connector.standing('payments-host')).toEqual([])
      await at.lab.sh(`cp -p /mnt/backup ${file}`)
      expect(await at.connector.standing('payments-host')).toEqual([grant])
      const shell = await ada()
      await at.lab.sh(`sed -i 's,/usr/bin/cat,/usr/bin/sleep 1701\\, &,' ${file}`)
      await shell.ask('(sudo -n sleep 1701 > /dev/null 2>&1 &)')
      await running('sleep 1701')
      await end(grant)
      expect(await runs('sleep 1701')).toBe(false)
      await shell.leave()
      expect(await present(grant)).toEqual([])
      expect(await at.connector.standing('payments-host')).toEqual([])
    })

    test('residual: root that left its name, its parents and its login behind is not found', async () => {
      const grant = await opened('sudo:anything')
      const shell = await ada()
      await shell.ask(`sudo -n sh -c 'env -i setsid -f sleep 1401' > /dev/null`)
      await running('sleep 1401')
      await end(grant)
      expect(await present(grant)).toEqual([])
      expect(await runs('sleep 1401')).toBe(true)
      await shell.leave()
    })

    test('root under the login of the account is found where the host keeps logins', async () => {
      const uid = (await at.lab.sh('id -u ada-adm')).trim()
      const grant = await opened('sudo:anything')
      const opening = `echo ${uid} > /proc/self/loginuid`
      const begun = `${opening}; setsid -f env -i sleep 1501 > /dev/null 2>&1`
      await at.lab.sh(begun)
      await running('sleep 1501')
      await end(grant)
      expect(await runs('sleep 1501')).toBe(false)
    })
  })

  test('a process whose number another has taken over is let run on', async () => {
    await at.lab.sh('setsid -f sleep 1601 > /dev/null 2>&1')
    await running('sleep 1601')
    const pid = Number(await at.lab.sh(`pgrep -fx 'sleep 1601'`))
    const [found] = processes(at.lab.host).filter((process) => process.pid === pid)
    if (found === undefined) throw new Error('it runs')
    await kill(at.lab.host, [{ ...found, started: found.started - 1 }])
    expect(await at.lab.sh(`ps -o stat= -p ${pid}`)).toMatch(/^S/)
    await kill(at.lab.host, [found])
    expect(await runs('sleep 1601')).toBe(false)
  })

  test('a program with a name like a line of /proc is read as what it is', async () => {
    const grant = await opened('group:payments-ops')
    const shell = await ada()
    const name = '~/"x) Z 1 1"'
    await shell.ask(`cp /bin/sleep ${name}; (setsid ${name} 1801 > /dev/null 2>&1 &)`)
    await running('.*x\\) Z 1 1 1801')
    await end(grant)
    expect(await present(grant)).toEqual([])
    expect(await runs('.*x\\) Z 1 1 1801')).toBe(false)
  })

  test('a grantee that starts itself anew faster than it is read is ended all the same', async () => {
    const before = await ada()
    const grant = await opened('group:payments-ops')
    const shell = await ada()
    const anew = 'setsid sh ~/anew > /dev/null 2>&1 < /dev/null &'
    await shell.ask(`echo '${anew}' > ~/anew`)
    for (let copies = 0; copies < 16; copies++)
      await shell.ask('(sh ~/anew > /dev/null 2>&1 &)')
    await end(grant)
    while ((await present(grant)).length > 0) await end(grant)
    expect(await before.can('true')).toBe(true)
    await before.leave()
    expect(await at.lab.sh('pgrep -u ada-adm || true')).toBe('')
  })
})

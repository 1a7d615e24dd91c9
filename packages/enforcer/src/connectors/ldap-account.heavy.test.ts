import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Change } from 'ldapts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { damagedNotes } from '../../test/enforcer-books.ts'
import { change, type LdapCase, ldapCase, openedCases } from '../../test/ldap-case.ts'
import { dns, type LdapLab, openLdapLab, suffix } from '../../test/ldap-lab.ts'
import { describeAt } from '../../test/real-server.ts'
import type { Vault } from '../store/port.ts'
import { ldapConnector } from './ldap.ts'
import { ldapSettings } from './ldap-settings.ts'

describeAt('OpenLDAP', () => {
  let lab: LdapLab
  const opened = openedCases()
  beforeAll(async () => {
    lab = await openLdapLab()
  })
  afterAll(() => lab.remove())
  const byHand = (dn: string, ...changes: Change[]) =>
    lab.asRoot((client) => client.modify(dn, changes))

  test('EN-20 is checked out, ended and rotated at the directory, and at a replica that lags', async () => {
    const lagging = await openLdapLab()
    try {
      const changed = { replicas: [lagging.server.url] }
      const privileges = ['account:emergency']
      const led = await opened(ldapCase(lab, { privileges, changed }))
      const credential = await led.apply()
      const secret = credential.LDAPPASSWORD ?? ''
      await (await lab.login(credential)).unbind()
      const reset = (password: string) =>
        lagging.asRoot((root) =>
          root.modify(dns.emergency, change('replace', 'userPassword', password)),
        )
      await reset(secret)
      await byHand(dns.emergency, change('add', 'userPassword', 'of my own'))
      await led.end()
      expect(await led.present()).toEqual(['replica_1_bind'])
      await expect(lab.login(credential)).rejects.toThrow()
      await reset('something else')
      expect(await led.present()).toEqual([])
      led.books.become(led.grant, 'closing')
      const rotated = (await led.connector.rotate?.('emergency')) ?? []
      const failing = rotated.filter(({ absent }) => !absent).map(({ probe }) => probe)
      expect(failing).toEqual(['replica_1_new_secret_refused'])
      const { current } = await lab.vault.secrets(lab.target, 'emergency')
      await (
        await lab.login({ LDAPBINDDN: dns.emergency, LDAPPASSWORD: current ?? '' })
      ).unbind()
      const values = await lab.asRoot((root) =>
        root.search(dns.emergency, { scope: 'base' }),
      )
      expect([values.searchEntries[0]?.userPassword].flat()).toHaveLength(1)
    } finally {
      await lagging.remove()
    }
  })

  test('K-07 is rotated again after a crash between the vault and the directory', async () => {
    const led = await opened(ldapCase(lab))
    await led.connector.rotate?.('emergency')
    await lab.vault.propose(lab.target, 'emergency', 'never arrived')
    const rotated = (await led.connector.rotate?.('emergency')) ?? []
    expect(rotated.every(({ absent }) => absent)).toBe(true)
    const { current, proposed } = await lab.vault.secrets(lab.target, 'emergency')
    expect(proposed).toBe(null)
    await (
      await lab.login({ LDAPBINDDN: dns.emergency, LDAPPASSWORD: current ?? '' })
    ).unbind()
  })

  test.each(damagedNotes)(
    'INV-10 a note that %s keeps no check-out from its end, nor the account from its rotation',
    async (_, damaged) => {
      const privileges = ['account:emergency']
      const led = await opened(ldapCase(lab, { privileges }))
      const credential = await led.apply()
      const inside = await lab.login(credential)
      await inside.unbind()
      led.books.shelf.put(led.grant, lab.target, damaged)
      const whatToDo = `enforcer end ${led.grant}`
      await expect(led.apply()).rejects.toThrow(whatToDo)
      await expect(led.connector.reseal(led.grant, lab.target)).rejects.toThrow(whatToDo)
      expect(await led.connector.standing(lab.target)).toEqual([led.grant])
      expect(await led.present()).toEqual(['bind'])
      await led.end()
      await expect(lab.login(credential)).rejects.toThrow()
      expect(await led.present()).toEqual([])
      expect(await led.connector.probeAbsent(led.grant, lab.target)).toContainEqual(
        expect.objectContaining({ probe: 'without_note', absent: true }),
      )
      led.books.become(led.grant, 'closing')
      const rotated = (await led.connector.rotate?.('emergency')) ?? []
      expect(rotated.every(({ absent }) => absent)).toBe(true)
    },
  )

  test.each([false, true])(
    'INV-18 a vault that fails keeps no check-out from its end, its note unreadable: %s',
    async (isUnreadable) => {
      const privileges = ['account:emergency']
      const led = await opened(ldapCase(lab, { privileges }))
      const credential = await led.apply()
      await (await lab.login(credential)).unbind()
      if (isUnreadable) led.books.shelf.put(led.grant, lab.target, '')
      const fails = () => Promise.reject(new Error('no identity'))
      const broken = ldapConnector(ldapSettings({ kind: 'ldap', ...lab.settings() }), {
        ...{
          ...led.books,
          vault: { secrets: fails, propose: fails, confirm: fails, withdraw: fails },
        },
      })
      led.books.become(led.grant, 'ending')
      await broken.end(led.grant, lab.target)
      await expect(lab.login(credential)).rejects.toThrow()
      const probes = await broken.probeAbsent(led.grant, lab.target)
      expect(probes.filter(({ absent }) => !absent)).toEqual([])
      led.books.become(led.grant, 'closing')
      await expect(broken.rotate?.('emergency')).rejects.toThrow('no identity')
      const rotated = (await led.connector.rotate?.('emergency')) ?? []
      expect(rotated.every(({ absent }) => absent)).toBe(true)
    },
  )

  describe('a grantee who gave the account another password', () => {
    const own = { LDAPBINDDN: dns.emergency, LDAPPASSWORD: 'of the grantee' }
    const privileges = ['account:emergency']
    const changed = () =>
      byHand(dns.emergency, change('replace', 'userPassword', own.LDAPPASSWORD))
    const isIn = (credential: Readonly<Record<string, string>>) =>
      lab.login(credential).then(
        (client) => client.unbind().then(() => true),
        () => false,
      )
    const beside = (led: LdapCase, vault: Partial<Vault>, more = {}) =>
      ldapConnector(ldapSettings({ kind: 'ldap', ...lab.settings(), ...more }), {
        ...led.books,
        vault: { ...lab.vault, ...vault },
      })

    test('INV-9 is out at the end, though the vault fails', async () => {
      const led = await opened(ldapCase(lab, { privileges }))
      await led.apply()
      await changed()
      led.books.become(led.grant, 'ending')
      const secrets = () => Promise.reject(new Error('no identity'))
      await beside(led, { secrets }).end(led.grant, lab.target)
      expect(await isIn(own)).toBe(false)
      expect(await led.present()).toEqual([])
      await led.finish()
    })

    test('INV-9 is not called absent where the ending failed', async () => {
      const led = await opened(ldapCase(lab, { privileges }))
      await led.apply()
      await changed()
      led.books.become(led.grant, 'ending')
      const another = { password: { file: join(lab.dir, 'prober.secret') } }
      const away = beside(led, {}, another)
      await expect(away.end(led.grant, lab.target)).rejects.toThrow()
      expect(await isIn(own)).toBe(true)
      expect(await led.present()).toEqual(['bind'])
      await led.finish()
      expect(await isIn(own)).toBe(false)
    })

    test.each([
      [
        'refuses the connector',
        () => ({ password: { file: join(lab.dir, 'prober.secret') } }),
      ],
      ['refuses the change', () => ({ sharedAccounts: { emergency: dns.connector } })],
    ])('fills no vault while the directory %s', async (_, more) => {
      const led = await opened(ldapCase(lab, { privileges }))
      await led.apply()
      const before = await lab.vault.secrets(lab.target, 'emergency')
      led.books.become(led.grant, 'ending')
      const refused = beside(led, {}, more())
      for (const _try of [1, 2, 3])
        await expect(refused.end(led.grant, lab.target)).rejects.toThrow()
      led.books.become(led.grant, 'closing')
      for (const _try of [1, 2])
        await expect(refused.rotate?.('emergency')).rejects.toThrow()
      expect(await lab.vault.secrets(lab.target, 'emergency')).toEqual(before)
      led.books.become(led.grant, 'ending')
      await led.finish()
    })

    test('Q-05 is not called absent while the settings do not name the account', async () => {
      const led = await opened(ldapCase(lab, { privileges }))
      await led.apply()
      await changed()
      const renamed = beside(led, {}, { sharedAccounts: {} })
      led.books.become(led.grant, 'ending')
      await expect(renamed.end(led.grant, lab.target)).rejects.toThrow(
        'not in the settings',
      )
      const probes = await renamed.probeAbsent(led.grant, lab.target)
      expect(probes.filter(({ absent }) => !absent)).toHaveLength(1)
      await led.finish()
      expect(await isIn(own)).toBe(false)
    })

    test('EN-17 and extended is out at the last end, in whatever order they end', async () => {
      const first = await opened(ldapCase(lab, { privileges }))
      const { books, connector } = first
      const second = ldapCase(lab, { privileges, books, connector })
      await first.apply()
      await changed()
      const extended = await second.apply()
      expect(await isIn(extended)).toBe(true)
      await second.finish()
      await first.end()
      expect(await isIn(extended)).toBe(false)
      await first.finish()
    })
  })

  test('INV-18 a vault that cannot be read keeps nobody from the account nor it from its rotation, and is told', async () => {
    const led = await opened(ldapCase(lab, { privileges: ['account:emergency'] }))
    const whatToDo = /the vault cannot read .*move it away/
    await led.connector.rotate?.('emergency')
    const damage = async () => {
      const folder = join(lab.dir, 'vault')
      for (const name of await readdir(folder))
        if (name.includes('.age')) await writeFile(join(folder, name), 'damaged')
    }
    await damage()
    expect(await led.connector.strangers?.(lab.target)).toEqual([
      { what: 'vault_unreadable', object: expect.stringMatching(whatToDo) },
    ])
    await expect(led.connector.rotate?.('emergency')).rejects.toThrow(whatToDo)
    await (await lab.login(await led.apply())).unbind()
    expect(await led.connector.strangers?.(lab.target)).toEqual([])
    await led.end()
    await damage()
    expect(await led.present()).toEqual([])
    led.books.become(led.grant, 'closing')
    const rotated = (await led.connector.rotate?.('emergency')) ?? []
    expect(rotated.every(({ absent }) => absent)).toBe(true)
    expect(rotated.map(({ probe }) => probe)).toContain('old_secret')
    await led.finish()
  })

  test('a rotation that tries all that was handed out does not lock the account by it', async () => {
    const policy = `cn=default,ou=policies,${suffix}`
    await byHand(policy, change('replace', 'pwdMaxFailure', '2'))
    const led = await opened(ldapCase(lab, { privileges: ['account:emergency'] }))
    await led.apply()
    await led.end()
    led.books.become(led.grant, 'closing')
    const rotated = (await led.connector.rotate?.('emergency')) ?? []
    await byHand(policy, change('replace', 'pwdMaxFailure'))
    expect(rotated.filter(({ absent }) => !absent)).toEqual([])
  })

  test('EN-26 a rotation beside the scan for drift is no drift', async () => {
    const led = await opened(ldapCase(lab))
    await led.connector.rotate?.('emergency')
    let rotating: Promise<unknown> | undefined
    const secrets: Vault['secrets'] = async (...of) => {
      const found = await lab.vault.secrets(...of)
      if (rotating !== undefined) return found
      rotating = beside.rotate?.('emergency')
      await Promise.race([rotating, pause(1000)])
      return found
    }
    const beside = ldapConnector(ldapSettings({ kind: 'ldap', ...lab.settings() }), {
      ...{ ...led.books, vault: { ...lab.vault, secrets } },
    })
    expect(await beside.strangers?.(lab.target)).toEqual([])
    await rotating
  })

  test('K-07 whatever fails of the vault at the end, it has the secret that works', async () => {
    const led = await opened(ldapCase(lab, { privileges: ['account:emergency'] }))
    await led.apply()
    led.books.become(led.grant, 'ending')
    const confirm = () => Promise.reject(new Error('disk full'))
    const full = ldapConnector(ldapSettings({ kind: 'ldap', ...lab.settings() }), {
      ...{ ...led.books, vault: { ...lab.vault, confirm } },
    })
    await full.end(led.grant, lab.target)
    const { proposed } = await lab.vault.secrets(lab.target, 'emergency')
    const opening = { LDAPBINDDN: dns.emergency, LDAPPASSWORD: proposed ?? '' }
    await (await lab.login(opening)).unbind()
    await led.finish()
  })

  test('EN-17 is one person’s, by as many grants as they like, until all are done', async () => {
    const privileges = ['account:emergency']
    const first = await opened(ldapCase(lab, { privileges }))
    const { books, connector } = first
    const second = ldapCase(lab, { privileges, books, connector })
    const credential = await first.apply()
    const refusal = (requester: string) =>
      connector.refuses?.(ldapCase(lab, { privileges, requester }).opening)
    const rotate = async () => (await connector.rotate?.('emergency')) ?? []
    const opens = () =>
      lab.login(credential).then(
        (client) => client.unbind().then(() => true),
        () => false,
      )
    expect([refusal('ada'), refusal('bob')]).toEqual([null, 'account_in_use'])
    books.keep({ ...second.opening, phase: 'standing' })
    for (const phase of ['ending', 'closing'] as const) {
      await first.end()
      books.become(first.grant, phase)
      expect([refusal('ada'), refusal('bob')]).toEqual(Array(2).fill('account_in_use'))
      await second.apply()
      expect(await first.present()).toEqual([])
      expect(await opens()).toBe(true)
      await expect(rotate()).rejects.toThrow('is checked out by')
    }
    books.become(first.grant, 'standing')
    expect(await first.present()).not.toEqual([])
    expect(await second.present()).not.toEqual([])
    for (const each of [first, second]) await each.end()
    await expect(rotate()).rejects.toThrow('is checked out by')
    for (const { grant } of [first, second]) books.become(grant, 'closing')
    expect((await rotate()).every(({ absent }) => absent)).toBe(true)
    expect(await opens()).toBe(false)
  })

  test('EN-26 a secret that somebody changed, or a login without a grant, is told', async () => {
    const changed = { monitor: 'cn=Connections,cn=Monitor' }
    const led = await opened(ldapCase(lab, { changed }))
    await led.connector.rotate?.('emergency')
    expect(await led.connector.strangers?.(lab.target)).toEqual([])
    await byHand(dns.emergency, change('replace', 'userPassword', 'mine'))
    const inside = await lab.login({ LDAPBINDDN: dns.emergency, LDAPPASSWORD: 'mine' })
    expect(await led.connector.strangers?.(lab.target)).toEqual([
      { what: 'sealed_account_changed', object: 'emergency' },
      { what: 'sealed_account_used', object: 'emergency' },
    ])
    await inside.unbind()
    await led.connector.rotate?.('emergency')
  })
})

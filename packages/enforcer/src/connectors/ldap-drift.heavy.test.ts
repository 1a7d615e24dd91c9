import type { Client } from 'ldapts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { libraryPath } from '../../../../scripts/real-servers.ts'
import { change, ldapCase, openedCases } from '../../test/ldap-case.ts'
import { dns, type LdapLab, openLdapLab, suffix } from '../../test/ldap-lab.ts'
import { describeAt } from '../../test/real-server.ts'

describeAt('OpenLDAP', () => {
  let lab: LdapLab
  const opened = openedCases()
  beforeAll(async () => {
    lab = await openLdapLab()
  })
  afterAll(() => lab.remove())
  const asThief = <T>(work: (client: Client) => Promise<T>) =>
    lab.as(dns.connector, 'halligan-connector', work)

  test('EN-26 a stolen credential is seen by what it makes', async () => {
    const changed = {
      groups: { repair: { dn: dns.group('repair'), standing: [dns.person('cy')] } },
      entries: {},
    }
    const led = await opened(ldapCase(lab, { changed }))
    await led.apply()
    expect(await led.connector.strangers?.(lab.target)).toEqual([])
    const backdoor = `uid=backdoor,${dns.container}`
    await asThief(async (thief) => {
      const member = change('add', 'member', dns.person('mallory'))
      await thief.modify(dns.group('repair'), member)
      const entry = {
        objectClass: ['inetOrgPerson'],
        uid: ['backdoor'],
        cn: ['x'],
        sn: ['x'],
      }
      await thief.add(backdoor, entry)
    })
    expect(await led.connector.strangers?.(lab.target)).toEqual([
      { what: 'foreign_entry', object: backdoor },
      {
        what: 'foreign_member',
        object: `${dns.person('mallory')} in ${dns.group('repair')}`,
      },
    ])
    await asThief(async (thief) => {
      await thief.del(backdoor)
      await thief.modify(
        dns.group('repair'),
        change('delete', 'member', dns.person('mallory')),
      )
    })
    await led.finish()
  })

  test('EN-26 the documented rules let the connector write its work and nothing else', async () => {
    const led = ldapCase(lab)
    expect(await led.connector.excess?.(lab.target)).toEqual([])
    const refused = [
      ['its own password', dns.connector, change('replace', 'userPassword', 'x')],
      ["somebody's password", dns.person('cy'), change('replace', 'userPassword', 'x')],
      [
        'another group',
        dns.group('others'),
        change('add', 'member', dns.person('mallory')),
      ],
      [
        'a group beside its members',
        dns.group('repair'),
        change('replace', 'description', 'x'),
      ],
      ['a shared account beside its password', dns.emergency, change('replace', 'cn', 'x')],
      ['data', dns.data, change('replace', 'description', 'x')],
    ] as const
    for (const [what, dn, wanted] of refused)
      await expect(
        asThief((thief) => thief.modify(dn, wanted)),
        what,
      ).rejects.toMatchObject({ code: 50 })
    await expect(
      lab.as(dns.prober, 'halligan-prober', (prober) =>
        prober.modify(dns.group('repair'), change('add', 'member', dns.person('mallory'))),
      ),
    ).rejects.toMatchObject({ code: 50 })
  })

  test('EN-26 a bind that may do more is told, and nothing is written to find out', async () => {
    process.env.HALLIGAN_TEST_LDAP_ROOT = lab.server.rootPassword
    const root = { bindDn: lab.server.rootDn, password: { env: 'HALLIGAN_TEST_LDAP_ROOT' } }
    const before = await ldapCase(lab).connector.snapshot(lab.target)
    const asConnector = ldapCase(lab, { changed: root })
    expect(await asConnector.connector.excess?.(lab.target)).toEqual(
      expect.arrayContaining([
        { grave: true, words: `the connector may write ${suffix}` },
        { grave: true, words: `the connector may set the password of ${dns.person('cy')}` },
        { grave: true, words: `the connector may add entries below ${suffix}` },
      ]),
    )
    const asProber = ldapCase(lab, { changed: { prober: root } })
    expect(await asProber.connector.excess?.(lab.target)).toEqual(
      expect.arrayContaining([
        { grave: true, words: `the prober may write ${dns.group('repair')}` },
      ]),
    )
    expect(await ldapCase(lab).connector.snapshot(lab.target)).toBe(before)
    const { residualSeconds: _, ...unsaid } = lab.settings()
    const silent = ldapCase(lab, { changed: { ...unsaid, residualSeconds: undefined } })
    expect(await silent.connector.excess?.(lab.target)).toEqual([
      { grave: false, words: expect.stringContaining('residualSeconds is not set') },
    ])
  })

  test('what the settings name and the directory does not show is named', async () => {
    const lacks = (changed = {}) =>
      ldapCase(lab, { changed }).connector.lacks?.(lab.target, [])
    expect(await lacks()).toEqual([])
    const [group, person, secret] = ['nobodys', 'nobody', 'gone'].map(
      (name) => `cn=${name},${suffix}`,
    )
    const changed = {
      groups: { repair: { dn: group } },
      ...{ accounts: { ada: person }, sharedAccounts: { admin: secret } },
      ...{ entries: {}, container: `ou=nowhere,${suffix}` },
    }
    expect(await lacks(changed)).toEqual([
      `groups.repair: the prober is shown no ${group}`,
      `accounts.ada: the prober is shown no ${person}`,
      `sharedAccounts.admin: the prober is shown no ${secret}`,
      `container: the prober is shown no ou=nowhere,${suffix}`,
    ])
  })

  test('the persistence diff names what stays behind, and who wrote it', async () => {
    const led = await opened(ldapCase(lab))
    const before = await led.connector.snapshot(lab.target)
    await led.apply()
    await lab.as(dns.person('ada'), 'ada', (ada) =>
      ada.modify(dns.data, change('replace', 'description', 'balance 9')),
    )
    const key = 'ssh-ed25519 AAAA mallory'
    await lab.asRoot(async (root) => {
      await root.modify(dns.person('cy'), [
        change('add', 'objectClass', 'ldapPublicKey'),
        change('add', 'sshPublicKey', key),
      ])
      await root.modify(dns.group('others'), change('add', 'member', dns.person('mallory')))
      await root.modify(
        dns.person('bob'),
        change('replace', 'pwdAccountLockedTime', '000001010000Z'),
      )
      const entry = {
        objectClass: ['inetOrgPerson'],
        uid: ['new'],
        cn: ['new'],
        sn: ['new'],
      }
      await root.add(`uid=new,ou=people,${suffix}`, entry)
    })
    await led.end()
    const found = led.connector.difference(
      before,
      await led.connector.snapshot(lab.target),
      led.grant,
    )
    expect(
      found.map(({ what, object }) => `${what} ${object.replace(/ \(.*/s, '')}`).toSorted(),
    ).toEqual([
      `entry_added uid=new,ou=people,${suffix}`,
      `entry_changed ${dns.data}`,
      `entry_changed ${dns.person('cy')}`,
      `member_added ${dns.person('mallory')} in ${dns.group('others')}`,
      `password_state_added ${dns.person('bob')}: 000001010000Z`,
      `ssh_key_added ${dns.person('cy')}: ${key}`,
    ])
    const data = found.find(({ object }) => object.startsWith(dns.data))
    expect(data?.object).toContain(`written by ${dns.person('ada')}`)
    await led.finish()
  })

  test('other grants that stand are not in the diff of this one', async () => {
    const led = await opened(ldapCase(lab))
    const { books, connector } = led
    const before = await connector.snapshot(lab.target)
    await led.apply()
    const other = ldapCase(lab, { books, connector, requester: 'bob' })
    await other.apply()
    const entry = ldapCase(lab, { books, connector, privileges: ['entry:admins'] })
    await entry.apply()
    await led.end()
    expect(
      connector.difference(before, await connector.snapshot(lab.target), led.grant),
    ).toEqual([])
    for (const each of [led, other, entry]) await each.finish()
  })
})

describeAt('OpenLDAP', () => {
  describeAt('libfaketime', () => {
    test('INV-11 the clock of the directory decides whether an order is late', async () => {
      const lab = await openLdapLab({
        runBy: [
          'env',
          `LD_PRELOAD=${libraryPath('faketime/libfaketimeMT.so.1')}`,
          'FAKETIME=+600s',
          'FAKETIME_DONT_FAKE_MONOTONIC=1',
        ],
      })
      try {
        for (const privileges of [
          ['group:repair'],
          ['entry:repair'],
          ['account:emergency'],
        ]) {
          const led = ldapCase(lab, { privileges })
          await led.connector.open()
          led.books.keep({ ...led.opening, phase: 'standing' })
          const answer = await led.connector.apply(led.opening)
          expect(answer).toMatchObject({ kind: 'too_late' })
          const ahead = answer.kind === 'too_late' ? answer.targetNow - Date.now() : 0
          expect(ahead).toBeGreaterThan(590_000)
          expect(await led.present()).toEqual([])
          await led.connector.close()
        }
        expect(await lab.members('repair')).toEqual([dns.person('cy')])
      } finally {
        await lab.remove()
      }
    })
  })
})

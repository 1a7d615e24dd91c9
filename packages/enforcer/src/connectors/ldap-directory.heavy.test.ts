import { type Change, type Client, DN } from 'ldapts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { enforcerBooks } from '../../test/enforcer-books.ts'
import { createClock } from '../../test/host.ts'
import { change, ldapCase, openedCases } from '../../test/ldap-case.ts'
import { dns, type LdapLab, openLdapLab, suffix } from '../../test/ldap-lab.ts'
import { describeAt } from '../../test/real-server.ts'
import { dnOfGrant } from './ldap-dn.ts'

describeAt('OpenLDAP', () => {
  let lab: LdapLab
  const opened = openedCases()
  beforeAll(async () => {
    lab = await openLdapLab()
  })
  afterAll(() => lab.remove())
  const byHand = (dn: string, ...changes: Change[]) =>
    lab.asRoot((client) => client.modify(dn, changes))
  const whoAmI = async (client: Client) =>
    (await client.exop('1.3.6.1.4.1.4203.1.11.3')).value ?? ''

  describe('names that mean something to a directory', () => {
    test.each([
      ['a comma', 'Smith, John'],
      ['quotation marks', 'the "boss"'],
      ['a plus', 'a+b'],
      ['a backslash', 'a\\b'],
      ['a filter', '*)(objectClass=*'],
      ['spaces around', ' ada '],
      ['a number sign', '#616461'],
      ['angle brackets and a semicolon', 'a;b<c>d'],
      ['another DN', 'cn=admins,ou=groups,dc=example,dc=org'],
      ['unicode', 'Łukasz 漢字'],
      ['a line break', 'a\nb'],
    ])('%s: as a person and as a group', async (_, name) => {
      const at = (above: string) => `${new DN().addPairRDN('cn', name)},${above},${suffix}`
      const [person, group] = await lab.asRoot(async (root) => {
        const people = {
          objectClass: ['person'],
          cn: [name],
          sn: ['x'],
          userPassword: ['x'],
        }
        await root.add(at('ou=people'), people)
        const members = {
          objectClass: ['groupOfNames'],
          cn: [name],
          member: [dns.person('cy')],
        }
        await root.add(at('ou=groups'), members)
        // As the directory itself writes them, which is how an operator reads them.
        const shown = await Promise.all(
          ['ou=people', 'ou=groups'].map((above) =>
            root.search(at(above), { scope: 'base' }),
          ),
        )
        return shown.map(({ searchEntries }) => searchEntries[0]?.dn ?? '')
      })
      const root = { env: 'HALLIGAN_TEST_LDAP_ROOT' }
      process.env.HALLIGAN_TEST_LDAP_ROOT = lab.server.rootPassword
      const changed = {
        bindDn: lab.server.rootDn,
        password: root,
        groups: { hostile: group },
        entries: {
          hostile: {
            objectClasses: ['inetOrgPerson'],
            attributes: { cn: [name], sn: [name] },
            groups: ['hostile'],
          },
        },
        accounts: { ada: person },
      }
      for (const privileges of [['group:hostile'], ['entry:hostile']]) {
        const led = await opened(ldapCase(lab, { privileges, changed }))
        const before = await led.connector.snapshot(lab.target)
        await led.apply()
        expect(await led.connector.probePresent(led.grant, lab.target)).toBe(true)
        await led.finish()
        expect(await led.connector.snapshot(lab.target)).toBe(before)
        await led.connector.close()
      }
    })
  })

  describe('memberships', () => {
    test('EN-08 one that stands by way of another group is not called gone', async () => {
      const led = await opened(ldapCase(lab))
      await led.apply()
      await byHand(dns.group('others'), change('add', 'member', dns.person('ada')))
      await byHand(dns.group('repair'), change('add', 'member', dns.group('others')))
      await led.end()
      expect(await led.present()).toEqual(['nested_member'])
      await byHand(dns.group('others'), change('delete', 'member', dns.person('ada')))
      await byHand(dns.group('repair'), change('delete', 'member', dns.group('others')))
      await led.finish()
    })

    test('EN-08 absence is not claimed while clients may still believe it', async () => {
      const clock = createClock()
      const books = { ...enforcerBooks(), clock }
      const changed = { residualSeconds: 3600 }
      const led = await opened(ldapCase(lab, { books, changed }))
      await led.apply()
      await led.end()
      expect(await lab.members('repair')).not.toContain(dns.person('ada'))
      clock.pass(3_599_999)
      expect(await led.present()).toEqual(['believed_by_clients'])
      clock.pass(1)
      expect(await led.present()).toEqual([])
    })

    test('an entry that is not there is made no member, for whoever makes it later', async () => {
      const changed = { accounts: { ada: dns.person('nobody') } }
      const led = await opened(ldapCase(lab, { changed }))
      await expect(led.apply()).rejects.toThrow('is not there')
      await led.finish()
      expect(await lab.members('repair')).toEqual([dns.person('cy')])
    })

    test('an ending needs no lock, and no lock entry', async () => {
      const led = await opened(ldapCase(lab))
      await led.apply()
      const { connector } = ldapCase(lab, { books: led.books })
      await lab.asRoot((root) => root.del(dns.lock))
      led.books.become(led.grant, 'ending')
      await connector.end(led.grant, lab.target)
      expect(await led.present()).toEqual([])
      expect(await lab.members('repair')).toEqual([dns.person('cy')])
    })

    test('a group that would be empty keeps a member that nobody can bind as', async () => {
      const led = await opened(ldapCase(lab))
      await led.apply()
      await byHand(dns.group('repair'), change('delete', 'member', dns.person('cy')))
      await led.finish()
      expect(await lab.members('repair')).toEqual([dns.lock])
      await byHand(dns.group('repair'), change('add', 'member', dns.person('cy')))
      await byHand(dns.group('repair'), change('delete', 'member', dns.lock))
    })

    /** As the enforcer does it: somebody who writes without a pause fails an attempt, and no grant. */
    const applied = async (led: ReturnType<typeof ldapCase>, tries: number) => {
      for (let n = 1; ; n++)
        try {
          return await led.apply()
        } catch (error) {
          if (n === tries) throw error
        }
    }

    test('nothing is lost of what others write to the group meanwhile', async () => {
      const books = ldapCase(lab).books
      const { connector } = await opened({ connector: lab.connector(books) })
      const mine = Array.from({ length: 12 }, (_, n) => {
        const requester = n % 2 === 0 ? 'ada' : 'bob'
        return ldapCase(lab, { books, connector, requester })
      })
      const theirs = Array.from(
        { length: 60 },
        (_, n) => `uid=clerk${n},ou=people,${suffix}`,
      )
      const writing = lab.asRoot(async (root) => {
        for (const member of theirs)
          await root.modify(dns.group('repair'), change('add', 'member', member))
      })
      await Promise.all([
        writing,
        ...mine.map(async (led) => {
          await applied(led, theirs.length)
          await led.end()
        }),
      ])
      const members = await lab.members('repair')
      expect(members).toEqual(expect.arrayContaining(theirs))
      expect(members).toHaveLength(theirs.length + 1)
      for (const led of mine) await led.finish()
      await byHand(dns.group('repair'), change('delete', 'member', ...theirs))
    })

    test('EN-16 one that is given again after its ending is told as such, also after a restart', async () => {
      const led = await opened(ldapCase(lab))
      await led.apply()
      await led.finish()
      expect(await led.connector.strangers?.(lab.target)).toEqual([])
      await byHand(dns.group('repair'), change('add', 'member', dns.person('ada')))
      const reappeared = {
        what: 'reappeared_member',
        object: `${dns.person('ada')} in ${dns.group('repair')}`,
      }
      expect(await led.connector.strangers?.(lab.target)).toEqual([reappeared])
      await led.connector.close()
      const after = await opened(ldapCase(lab))
      expect(await after.connector.strangers?.(lab.target)).toEqual([reappeared])
      await after.apply()
      expect(await after.connector.strangers?.(lab.target)).toEqual([])
      await after.finish()
      await byHand(dns.group('repair'), change('delete', 'member', dns.person('ada')))
    })
  })

  describe('entries of grants', () => {
    test('C-08 one that a restored backup brings back is told by its grant, and ends again', async () => {
      const led = await opened(ldapCase(lab, { privileges: ['entry:repair'] }))
      await led.apply()
      const dn = dnOfGrant(led.grant, dns.container)
      const backup = await lab.asRoot((root) =>
        root.search(dn, {
          scope: 'base',
          attributes: ['objectClass', 'uid', 'cn', 'sn', 'userPassword'],
        }),
      )
      await led.finish()
      expect(await led.connector.standing(lab.target)).toEqual([])
      const { dn: _, ...attributes } = backup.searchEntries[0] ?? { dn }
      await lab.asRoot(async (root) => {
        await root.add(dn, attributes as Record<string, string | string[]>)
        await root.modify(dns.group('repair'), change('add', 'member', dn))
      })
      expect(await led.connector.standing(lab.target)).toEqual([led.grant])
      await led.end()
      expect(await led.present()).toEqual([])
      expect(await lab.members('repair')).not.toContain(dn)
    })

    test('slapd itself refuses the password once the deadline is past', async () => {
      const deadline = Date.now() - 2_000
      const led = await opened(ldapCase(lab, { privileges: ['entry:repair'], deadline }))
      const credential = await led.apply()
      await expect(lab.login(credential)).rejects.toThrow()
      expect(await led.connector.probePresent(led.grant, lab.target)).toBe(false)
      await led.finish()
    })

    test('C-04 a connection stays bound as an entry that is gone, and counts where the monitor shows it', async () => {
      const changed = { monitor: 'cn=Connections,cn=Monitor' }
      const led = await opened(ldapCase(lab, { privileges: ['entry:repair'], changed }))
      const inside = await lab.login(await led.apply())
      expect(await lab.maySee(inside)).toBe(true)
      await led.end()
      expect(await lab.maySee(inside)).toBe(false)
      expect(await whoAmI(inside)).toContain(dnOfGrant(led.grant, dns.container))
      expect(await led.present()).toEqual(['bound_connections'])
      await inside.unbind()
      await expect.poll(led.present).toEqual([])
      await led.finish()
    })

    test('entries below one are named and kept, and the grant is not called absent', async () => {
      const led = await opened(ldapCase(lab, { privileges: ['entry:repair'] }))
      const credential = await led.apply()
      const dn = dnOfGrant(led.grant, dns.container)
      const below = `cn=backdoor,${dn}`
      await lab.asRoot((root) =>
        root.add(below, { objectClass: ['device'], cn: ['backdoor'] }),
      )
      await expect(led.end()).rejects.toThrow(below)
      await expect(lab.login(credential)).rejects.toThrow()
      expect(await led.present()).toEqual(['entry'])
      await lab.asRoot((root) => root.del(below))
      await led.finish()
    })

    test('the operations of the grant are read from the access log, secrets left out', async () => {
      const changed = { evidence: { accesslog: 'cn=accesslog', logs: 'all' } }
      const led = await opened(ldapCase(lab, { privileges: ['entry:repair'], changed }))
      const inside = await lab.login(await led.apply())
      await inside.modify(dns.data, change('replace', 'description', 'balance\n1'))
      await inside
        .modify(dns.person('cy'), change('replace', 'userPassword', 'hunter2'))
        .catch(() => undefined)
      await inside.unbind()
      await led.end()
      const evidence = await led.connector.evidence?.(led.grant, lab.target)
      expect(evidence).toMatchObject({ complete: true })
      expect(evidence?.text).toContain(`modify ${dns.data} 0 description:= balance\\n1`)
      expect(evidence?.text).toContain(`modify ${dns.person('cy')} 50`)
      expect(evidence?.text).not.toContain('hunter2')
      await led.finish()
    })
  })
})

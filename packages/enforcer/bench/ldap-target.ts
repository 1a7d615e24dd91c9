import { Attribute, Change } from 'ldapts'
import { enforcerBooks } from '../test/enforcer-books.ts'
import { dns, type LdapLab } from '../test/ldap-lab.ts'
import type { BenchTarget } from './connector-bench.ts'

/** The bare client: one connection of the root DN, the operations one after the other. */
export const ldapTarget = (lab: LdapLab): BenchTarget => ({
  kind: 'ldap',
  target: lab.target,
  privileges: ['entry:repair'],
  connector: lab.connector(enforcerBooks()),
  bare: (n) =>
    lab.asRoot(async (client) => {
      const dn = `uid=bench_${n},${dns.container}`
      const member = (operation: 'add' | 'delete') => {
        const modification = new Attribute({ type: 'member', values: [dn] })
        return client.modify(dns.group('repair'), new Change({ operation, modification }))
      }
      const start = performance.now()
      await client.add(dn, {
        ...{ objectClass: 'inetOrgPerson', cn: 'bench', sn: 'bench', uid: `bench_${n}` },
        userPassword: '{SSHA512}x',
      })
      await member('add')
      const open = performance.now()
      await member('delete')
      await client.del(dn)
      await client.search(dns.container, { scope: 'one', filter: `(uid=bench_${n})` })
      return { open: open - start, end: performance.now() - open }
    }),
})

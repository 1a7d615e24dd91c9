import { Attribute, Change, type Client } from 'ldapts'
import { afterAll, beforeAll } from 'vitest'
import type { ConnectorHarness } from '../../test/connector-case.ts'
import { dns, type LdapLab, openLdapLab } from '../../test/ldap-lab.ts'
import { describeAt } from '../../test/real-server.ts'
import { describeConnector } from './connector.contract.ts'
import { type CountedHarness, describeCountedRights } from './counted-rights.contract.ts'
import { dnOfGrant } from './ldap-dn.ts'

describeAt('OpenLDAP', () => {
  let lab: LdapLab
  beforeAll(async () => {
    lab = await openLdapLab()
  })
  afterAll(() => lab.remove())

  const memberChange = (operation: 'add' | 'delete', member: string) =>
    new Change({
      operation,
      modification: new Attribute({ type: 'member', values: [member] }),
    })
  const changeMember = (operation: 'add' | 'delete', member: string) =>
    lab.asRoot((client) =>
      client.modify(dns.group('repair'), memberChange(operation, member)),
    )

  const sessionOf = (client: Client) => ({
    hasAccess: () => lab.maySee(client),
    leave: () => client.unbind(),
  })
  const shared = (): Omit<ConnectorHarness, 'privileges' | 'removeByHand'> => ({
    target: lab.target,
    connector: (lent) => lab.connector(lent),
    now: lab.now,
    enter: async (credential) => {
      const client = await lab.login(credential)
      if (await lab.maySee(client)) return sessionOf(client)
      await client.unbind()
      throw new Error('insufficient access')
    },
    standingRightWorks: () => lab.as(dns.person('cy'), 'cy', lab.maySee),
    goDown: () => lab.server.kill(),
    comeBack: () => lab.server.restart(),
    crash: async () => lab.proxy.cut(),
  })

  const membership = (): CountedHarness => ({
    ...shared(),
    privileges: ['group:repair', 'group:admins'],
    counted: {
      giveByHand: () => changeMember('add', dns.person('ada')),
      takeByHand: () => changeMember('delete', dns.person('ada')),
    },
    removeByHand: () => changeMember('delete', dns.person('ada')),
  })
  describeConnector('a membership in a group', membership)
  describeCountedRights('a membership in a group', membership)

  describeConnector('an entry of its own', () => ({
    ...shared(),
    privileges: ['entry:repair', 'entry:admins'],
    removeByHand: (grant) =>
      lab.asRoot((client) => client.del(dnOfGrant(grant, dns.container))),
  }))
})

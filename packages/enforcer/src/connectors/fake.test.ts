import type { Instant } from '@halligan/core'
import { describeConnector } from './connector.contract.ts'
import { connectFake, createFakeTarget, type FakeLogin } from './fake.ts'

describeConnector('the fake target', () => {
  const target = createFakeTarget(() => 1_800_000_000_000 as Instant)
  target.standing.add('role:payments_repair:cy')
  return {
    target: 'payments-pg',
    privileges: ['role:payments_repair', 'role:payments_admin'],
    connector: () => connectFake(target),
    now: async () => target.now(),
    async enter({ user, password }) {
      const login = target.logins.find(({ name }) => name === user)
      if (!login?.canLogin || login.password !== password) throw new Error('28P01')
      return sessionOf(login)
    },
    standingRightWorks: async () => target.standing.has('role:payments_repair:cy'),
    async goDown() {
      target.down = true
      target.holder = null
    },
    async comeBack() {
      target.down = false
    },
    async removeByHand(grant) {
      for (const login of target.logins) if (login.grant === grant) login.sessions.clear()
      target.logins = target.logins.filter((login) => login.grant !== grant)
    },
    async crash() {
      target.holder = null
    },
  }
})

function sessionOf(login: FakeLogin) {
  const session = Symbol('session')
  login.sessions.add(session)
  return {
    hasAccess: async () => login.sessions.has(session),
    leave: async () => {
      login.sessions.delete(session)
    },
  }
}

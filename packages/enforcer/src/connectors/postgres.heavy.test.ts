import { afterAll, beforeAll, describe } from 'vitest'
import type { GranteeSession } from '../../test/connector-case.ts'
import {
  installations,
  openPostgresLab,
  type PostgresLab,
} from '../../test/postgres-lab.ts'
import { describeConnector } from './connector.contract.ts'
import type { Credential } from './port.ts'
import { roleOf } from './postgres-role.ts'
import { describeSharedAccount } from './shared-account.contract.ts'

const account = 'payments_emergency'

describe.each(installations)('$name', ({ name, binaries }) => {
  let lab: PostgresLab
  beforeAll(async () => {
    lab = await openPostgresLab(binaries)
    await lab.makeAccount(account)
  })
  afterAll(() => lab.remove())

  const enter = async (credential: Credential): Promise<GranteeSession> => {
    const db = await lab.login(credential)
    const counting = 'select count(*) from payments.transfers'
    return {
      hasAccess: () =>
        db.query(counting).then(
          () => true,
          () => false,
        ),
      leave: () => db.end(),
    }
  }

  describeConnector(name, () => ({
    target: lab.target,
    privileges: ['role:payments_repair', 'role:payments_admin'],
    connector: () => lab.connector(),
    now: lab.now,
    enter,
    standingRightWorks: () =>
      lab
        .asOps((db) => db.query(`update payments.batches set worker = 'settle-1'`))
        .then(({ rowCount }) => (rowCount ?? 0) > 0),
    goDown: () => lab.server.kill(),
    comeBack: () => lab.server.restart(),
    removeByHand: async (grant) => {
      await lab.asSuperuser((db) => db.query(`drop role ${roleOf(grant)}`))
    },
    crash: async () => {
      const ofConnector = `from pg_stat_activity where usename = 'halligan_connector'`
      await lab.asSuperuser((db) =>
        db.query(`select pg_terminate_backend(pid, 5000) ${ofConnector}`),
      )
    },
  }))

  describeSharedAccount(name, () => ({
    settings: { kind: 'postgres', ...lab.settings, accounts: [account] },
    account,
    ownPrivilege: 'role:payments_repair',
    now: lab.now,
    enter,
    credential: (secret) => {
      const { hostname, port } = new URL(lab.server.superuserUrl)
      return {
        ...{ PGHOST: hostname, PGPORT: port, PGDATABASE: 'payments' },
        ...{ PGUSER: account, PGPASSWORD: secret },
      }
    },
    setByHand: async (secret) => {
      await lab.asSuperuser((db) =>
        db.query(`alter role ${account} login password '${secret}' valid until 'infinity'`),
      )
    },
    plantWaysBack: async (credential) => {
      const db = await lab.login(credential)
      await db.query(`alter role ${account} password 'mine'`)
      await db.query('begin')
      await db.query(`alter role ${account} password 'mine again'`)
      await db.query(`prepare transaction 'back door'`)
      return ['mine', 'mine again']
    },
  }))
})

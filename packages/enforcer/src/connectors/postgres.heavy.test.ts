import { afterAll, beforeAll, describe } from 'vitest'
import {
  installations,
  openPostgresLab,
  type PostgresLab,
} from '../../test/postgres-lab.ts'
import { describeConnector } from './connector.contract.ts'
import { roleOf } from './postgres-role.ts'

describe.each(installations)('$name', ({ name, binaries }) => {
  let lab: PostgresLab
  beforeAll(async () => {
    lab = await openPostgresLab(binaries)
  })
  afterAll(() => lab.remove())

  describeConnector(name, () => ({
    target: lab.target,
    privileges: ['role:payments_repair', 'role:payments_admin'],
    connector: () => lab.connector(),
    now: lab.now,
    enter: async (credential) => {
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
    },
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
})

import { afterAll, beforeAll } from 'vitest'
import { type MariadbLab, openMariadbLab } from '../../test/mariadb-lab.ts'
import { describeAt } from '../../test/real-server.ts'
import { describeConnector } from './connector.contract.ts'
import { accountOf } from './mariadb-account.ts'

describeAt('MariaDB', () => {
  let lab: MariadbLab
  beforeAll(async () => {
    lab = await openMariadbLab()
  })
  afterAll(() => lab.remove())

  describeConnector('MariaDB', () => ({
    target: lab.target,
    privileges: ['role:billing_repair', 'role:billing_admin'],
    connector: (lent) => lab.connector(lent),
    now: lab.now,
    enter: async (credential) => {
      const db = await lab.login(credential)
      const counting = 'select count(*) from billing.invoices'
      await db.query(counting)
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
        .asOps((db) => db.query(`update billing.invoices set state = 'open' where id = 2`))
        .then(
          () => true,
          () => false,
        ),
    goDown: () => lab.server.kill(),
    comeBack: () => lab.server.restart(),
    removeByHand: async (grant) => {
      await lab.asRoot((db) => db.query(`drop user ${accountOf(grant)}@'%'`))
    },
    crash: async () => {
      await lab.asRoot((db) => db.query('kill user halligan_connector'))
    },
  }))
})

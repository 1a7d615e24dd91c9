import { afterAll, beforeAll } from 'vitest'
import type { GranteeSession } from '../../test/connector-case.ts'
import { type MariadbLab, openMariadbLab } from '../../test/mariadb-lab.ts'
import { describeAt } from '../../test/real-server.ts'
import { describeConnector } from './connector.contract.ts'
import { accountOf } from './mariadb-account.ts'
import type { Credential } from './port.ts'
import { describeSharedAccount } from './shared-account.contract.ts'

describeAt('MariaDB', () => {
  let lab: MariadbLab
  beforeAll(async () => {
    lab = await openMariadbLab()
  })
  afterAll(() => lab.remove())

  const enter = async (credential: Credential): Promise<GranteeSession> => {
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
  }

  describeConnector('MariaDB', () => ({
    target: lab.target,
    privileges: ['role:billing_repair', 'role:billing_admin'],
    connector: (lent) => lab.connector(lent),
    now: lab.now,
    enter,
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

  describeSharedAccount('MariaDB', () => ({
    settings: { kind: 'mariadb', ...lab.settings },
    account: lab.sharedAccount,
    ownPrivilege: 'role:billing_repair',
    now: lab.now,
    enter,
    credential: (secret) => ({
      MYSQL_HOST: '127.0.0.1',
      MYSQL_TCP_PORT: String(lab.server.port),
      MYSQL_USER: lab.sharedAccount,
      MYSQL_PWD: secret,
    }),
    setByHand: async (secret) => {
      await lab.server.run(
        `alter user ${lab.sharedAccount}@'%' identified by '${secret}' account unlock;`,
      )
    },
    plantWaysBack: async (credential) => {
      const db = await lab.login(credential)
      await db.query(`set password = password('mine')`)
      return ['mine']
    },
  }))
})

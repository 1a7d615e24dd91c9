import type { Instant } from '@halligan/core'
import { afterAll, beforeAll } from 'vitest'
import {
  describeAtSshd,
  labTarget,
  type OpensshLab,
  openOpensshLab,
} from '../../test/openssh-lab.ts'
import { describeConnector } from './connector.contract.ts'

describeAtSshd(() => {
  let lab: OpensshLab
  beforeAll(async () => {
    lab = await openOpensshLab()
  })
  afterAll(() => lab.remove())

  describeConnector('OpenSSH 9.2', () => ({
    target: labTarget,
    privileges: ['login:deploy', 'login:dba'],
    connector: (lent) => lab.connector(lent),
    now: async () => Number((await lab.sh('date +%s%3N')).trim()) as Instant,
    enter: async (credential) => {
      const session = await lab.enter(credential)
      return {
        hasAccess: () =>
          session.ask('id -un').then(
            () => true,
            () => false,
          ),
        leave: session.leave,
      }
    },
    standingRightWorks: lab.standingRightWorks,
    goDown: lab.server.kill,
    comeBack: lab.server.restart,
    removeByHand: async (grant) => {
      await lab.sh(`rm "${lab.server.state}/admitted/${grant}"`)
    },
    crash: lab.crash,
  }))
})

import type { Instant } from '@halligan/core'
import { afterAll, beforeAll } from 'vitest'
import type { ConnectorHarness } from '../../test/connector-case.ts'
import {
  describeOnLinuxHost,
  type LinuxLab,
  labTarget,
  openLinuxLab,
} from '../../test/linux-lab.ts'
import { describeConnector } from './connector.contract.ts'
import { type CountedHarness, describeCountedRights } from './counted-rights.contract.ts'

describeOnLinuxHost(() => {
  let lab: LinuxLab
  beforeAll(async () => {
    lab = await openLinuxLab()
  })
  afterAll(() => lab.remove())

  const common = () => ({
    target: labTarget,
    connector: lab.connector,
    now: async () => Date.now() as Instant,
    goDown: () => lab.host.kill(),
    comeBack: () => lab.host.restart(),
    crash: lab.crash,
  })
  /** A shell of the account that can read what the right opens. */
  const entering =
    (way: string): ConnectorHarness['enter'] =>
    async ({ LINUX_ACCOUNT = '' }) => {
      const shell = await lab.login(LINUX_ACCOUNT)
      const reading = ['/mnt/ledger', '/mnt/books'].map((file) => `${way}cat ${file}`)
      const hasAccess = () => shell.can(reading.join(' || '))
      if (await hasAccess()) return { hasAccess, leave: shell.leave }
      await shell.leave()
      throw new Error(`${LINUX_ACCOUNT} is let in without the access`)
    }
  const opsCan = async (command: string) => {
    const shell = await lab.login('ops')
    const can = await shell.can(command)
    await shell.leave()
    return can
  }
  const quietly = (script: string) => lab.sh(`${script} || true`).then(() => undefined)

  const membership = (): CountedHarness => ({
    ...common(),
    privileges: ['group:payments-ops', 'group:payments-admin'],
    enter: entering(''),
    counted: {
      giveByHand: () => quietly('gpasswd -a ada-adm payments-ops'),
      takeByHand: () => quietly('gpasswd -d ada-adm payments-ops; pkill -u ada-adm'),
    },
    standingRightWorks: () => opsCan('cat /mnt/ledger'),
    removeByHand: () => quietly('gpasswd -d ada-adm payments-ops'),
  })
  describeConnector('membership in a group', membership)
  describeCountedRights('membership in a group', membership)

  const standing = '/etc/sudoers.d/ada'
  const rule = 'ada-adm ALL = (root) NOPASSWD: /usr/bin/cat /mnt/ledger'
  const sudoRule = (): CountedHarness => ({
    ...common(),
    privileges: ['sudo:read_ledger', 'sudo:read_books'],
    enter: entering('sudo -n /usr/bin/'),
    counted: {
      giveByHand: () => quietly(`echo '${rule}' > ${standing}`),
      takeByHand: () => quietly(`rm ${standing}`),
    },
    standingRightWorks: () => opsCan('sudo -n cat /mnt/ledger'),
    removeByHand: (grant) => quietly(`rm /etc/sudoers.d/halligan-*-${grant}`),
  })
  describeConnector('a rule of sudo', sudoRule)
  describeCountedRights('a rule of sudo', sudoRule)
})

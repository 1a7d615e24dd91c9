import { expect, test } from 'vitest'
import { enforcerBooks } from '../../test/enforcer-books.ts'
import { enforcerProcess } from '../../test/enforcer-process.ts'
import { onLinuxHost } from '../../test/linux-grantee.ts'
import { accountOf, describeOnLinuxHost, labTarget } from '../../test/linux-lab.ts'
import { check } from '../check.ts'

/** What would fail on the night, because the host is not as the settings say. */
describeOnLinuxHost(() => {
  const { at } = onLinuxHost()
  const lacks = async (settings: Readonly<Record<string, unknown>> = {}) => {
    const connector = at.lab.connector(enforcerBooks(), settings)
    return await connector.lacks?.(labTarget, [])
  }
  const running = (commands: readonly string[], runAs = 'root') => ({
    sudo: { repair: { runAs: [runAs], commands } },
  })

  test('a host that has all that the settings name lacks nothing', async () => {
    expect(await lacks()).toEqual([])
  })

  test.each<[string, Readonly<Record<string, unknown>>, string]>([
    [
      'an account that is not there',
      { accounts: { ...accountOf, cy: 'cy-adm' } },
      'accounts, cy: there is no account cy-adm on this host',
    ],
    [
      'a group that is not there',
      { groups: { repairers: {} } },
      'groups: there is no group repairers in /etc/group',
    ],
    [
      'a program that is not there',
      running(['/usr/bin/repair']),
      'sudo, repair: realpath answered 1: "realpath: /usr/bin/repair: No such file or directory"',
    ],
    [
      'an account to run as that is not there',
      running(['/usr/bin/cat /mnt/ledger'], 'payments'),
      'sudo, repair: there is no account payments on this host',
    ],
  ])('%s is told with the setting that names it', async (_, settings, words) => {
    expect(await lacks(settings)).toEqual([words])
  })

  test('enforcer check fails with the reason', async () => {
    const settings = {
      kind: 'linux',
      accounts: { ada: 'halligan-nobody' },
      groups: { 'halligan-none': {} },
    }
    const it = await enforcerProcess(labTarget, settings, ['group:halligan-none'])
    const found = (await check(it.dir)).filter(({ state }) => state === 'fail')
    expect(found).toEqual([
      expect.objectContaining({
        what: `settings ${labTarget}`,
        detail: 'accounts, ada: there is no account halligan-nobody on this host',
      }),
      expect.objectContaining({
        detail: 'groups: there is no group halligan-none in /etc/group',
      }),
    ])
    await it.remove()
  })
})

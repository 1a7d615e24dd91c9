import { afterEach, expect, test } from 'vitest'
import { enforcerBooks } from '../../test/enforcer-books.ts'
import { enforcerProcess } from '../../test/enforcer-process.ts'
import { millisUntil, opensshGrantee } from '../../test/openssh-grantee.ts'
import { describeAtSshd, labProfiles, labTarget } from '../../test/openssh-lab.ts'
import { check } from '../check.ts'

/** What would fail on the night, because a host is not as the settings say. */
describeAtSshd(() => {
  const { at, open, end } = opensshGrantee()
  const lacks = (change: Readonly<Record<string, unknown>> = {}) =>
    at.lab.connector(enforcerBooks(), change).lacks?.(labTarget, [])

  test('a host as the page says lacks nothing', async () => {
    expect(await lacks()).toEqual([])
  })

  test('an account that is not there is told with the profiles that name it', async () => {
    const depoly = { principals: ['deploy', 'depoly'] }
    const profiles = { ...labProfiles, repair: depoly, nightly: depoly }
    expect(await lacks({ profiles })).toEqual([
      'web: profiles repair, nightly: there is no account depoly',
    ])
    expect(
      await at.lab.connector(enforcerBooks(), { profiles }).excess?.(labTarget),
    ).toEqual([])
  })

  test('another CA than the host trusts is told', async () => {
    expect(await lacks({ ca: { file: at.lab.server.keyFile } })).toEqual([
      'web: it trusts another CA than the enforcer signs with',
    ])
  })

  test('a cgroup that cannot be had is told, unless none is asked for', async () => {
    const conf = `${at.lab.server.state}/host.conf`
    await at.lab.sh(`cp ${conf} /run/conf; echo CGROUP=/run/no-cgroup/halligan >${conf}`)
    const words = [await lacks(), await lacks({ uncontained: true })]
    await at.lab.sh(`cp /run/conf ${conf}`)
    expect(words).toEqual([
      ['web: no cgroup can hold what detaches itself from its session'],
      [],
    ])
  })

  const listened = async () =>
    (await at.lab.server.log()).split('Server listening on').length
  /** Changes the host, and has its sshd read its settings again. */
  const change = async (script: string) => {
    const before = await listened()
    await at.lab.sh(`${script}; kill -HUP "$(cat /run/sshd.pid)"`)
    await millisUntil(async () => (await listened()) > before)
  }
  const config = '/etc/ssh/sshd_config'
  const edited = (edit: string) =>
    `cp ${config} /run/sshd_config; sed -i '${edit}' ${config}`
  const restored = `cp /run/sshd_config ${config}`

  let mend: string | null = null
  afterEach(async () => {
    if (mend !== null) await change(mend)
    mend = null
  })

  test.each<[string, string, string, string]>([
    [
      'a locked password',
      `usermod -p '!' deploy`,
      `usermod -p '*' deploy`,
      'deploy has a locked password: without PAM, sshd lets nobody in',
    ],
    [
      'an account that has expired',
      'chage -E 2020-01-01 deploy',
      'chage -E -1 deploy',
      'deploy has expired: sshd lets nobody in',
    ],
    [
      'a shell that runs nothing',
      'usermod -s /usr/sbin/nologin deploy',
      'usermod -s /bin/bash deploy',
      'deploy has no shell in which anything runs',
    ],
    [
      'a shell that is not there',
      'usermod -s /bin/gone deploy',
      'usermod -s /bin/bash deploy',
      'deploy has no shell in which anything runs',
    ],
    [
      'no CA',
      edited('s/^  TrustedUserCAKeys .*/  TrustedUserCAKeys none/'),
      restored,
      "for deploy, sshd's trustedusercakeys lets no certificate in",
    ],
    [
      'a gate that runs as nobody',
      edited('s/CommandUser root/CommandUser nobody/'),
      restored,
      "for deploy, sshd's authorizedprincipalscommanduser lets no certificate in",
    ],
    [
      'no keys at all',
      edited('$aPubkeyAuthentication no'),
      restored,
      "for deploy, sshd's pubkeyauthentication lets no certificate in",
    ],
  ])('%s is told, and an opening lets nobody in', async (_, spoil, mended, words) => {
    mend = mended
    await change(spoil)
    const told = (await lacks()) ?? []
    expect(told.filter((each) => each.includes('deploy'))).toEqual([`web: ${words}`])
    await expect(at.lab.login(await open())).rejects.toThrow()
    await end()
  })

  test('a host without a gate lacks nothing: it lets in more than it should', async () => {
    mend = restored
    await change(edited('/AuthorizedPrincipalsCommand/d'))
    expect(await lacks()).toEqual([])
    expect(await at.connector.excess?.(labTarget)).toContainEqual(
      expect.objectContaining({
        words: expect.stringContaining('authorizedprincipalscommand is not'),
      }),
    )
  })

  test('a recorder that is not there is told of the profiles that record', async () => {
    const recorder = at.lab.server.helper.replace(/host$/, 'record')
    mend = `chmod +x ${recorder}`
    await at.lab.sh(`chmod -x ${recorder}`)
    expect(await lacks()).toEqual([
      'web: profiles terminal, recorded, fixed: halligan-record, script or chattr is missing',
    ])
    await expect(at.lab.login(await open('login:recorded'))).rejects.toThrow()
    await end()
  })

  test('enforcer check fails with the reason', async () => {
    const profiles = { deploy: { principals: ['depoly'] } }
    const { target: _, ...own } = at.lab.settings({ profiles })
    const settings = { kind: 'openssh', ...own }
    const it = await enforcerProcess(labTarget, settings, ['login:deploy'])
    const found = (await check(it.dir)).filter(({ state }) => state === 'fail')
    await it.remove()
    expect(found).toEqual([
      expect.objectContaining({
        what: `settings ${labTarget}`,
        detail: 'web: profiles deploy: there is no account depoly',
      }),
    ])
  })
})

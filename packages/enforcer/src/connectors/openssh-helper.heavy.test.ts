import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { freshGrant } from '../../test/fresh-grant.ts'
import { describeAt } from '../../test/real-server.ts'

const helper = join(import.meta.dirname, '../../host/halligan-host')

describeAt('OpenSSH', () => {
  let state = ''
  beforeEach(() => {
    state = mkdtempSync(join(tmpdir(), 'halligan-helper-'))
    const key = join(state, 'authority')
    spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key])
    const installed = spawnSync('sh', [helper, state, 'install', `${key}.pub`])
    expect(installed.status).toBe(0)
  })
  afterEach(() => rmSync(state, { recursive: true, force: true }))

  const hold = (...lines: readonly string[]) => {
    const asked = spawnSync('sh', [helper, state, 'serve'], {
      env: { SSH_ORIGINAL_COMMAND: 'hold' },
      input: `${lines.join('\n')}\n`,
      encoding: 'utf8',
    })
    return asked.stdout.trim().split('\n').slice(1)
  }
  const inAMinute = () => Math.floor(Date.now() / 1000) + 60
  const admit = (grant: string, serial: number) =>
    `admit ${grant} ${serial} ${inAMinute()}000 ${inAMinute()} 0 1 1 ${userInfo().username}`
  const isAdmitted = (grant: string) => existsSync(join(state, 'admitted', grant))

  /** The end comes at the very moment before the helper puts the admission into its place. */
  const endMeanwhile = (grant: string) =>
    writeFileSync(
      join(state, 'host.conf'),
      `CGROUP=${state}/no-cgroup/here
       sync() {
         case $* in
           */admitted/${grant}.new) SSH_ORIGINAL_COMMAND='end ${grant} ${inAMinute()}' sh "$0" "$state" serve >/dev/null ;;
         esac
         command sync "$@"
       }\n`,
    )

  test('INV-11 an admission that an end overtakes lets nobody in', () => {
    const grant = freshGrant()
    endMeanwhile(grant)
    expect(hold(admit(grant, 7))).toEqual(['failed'])
    expect(isAdmitted(grant)).toBe(false)
  })

  test('INV-11 so does a replacement that an end overtakes', () => {
    const grant = freshGrant()
    expect(hold(admit(grant, 7))).toEqual([expect.stringMatching(/^admitted /)])
    expect(isAdmitted(grant)).toBe(true)
    endMeanwhile(grant)
    expect(hold(`replace ${grant} 8`)).toEqual(['failed'])
    expect(isAdmitted(grant)).toBe(false)
  })
})

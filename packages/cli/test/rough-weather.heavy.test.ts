import { spawnSync } from 'node:child_process'
import { cpSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Grant, OpenedGrant } from '@halligan/core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { libraryPath, whyMissing, whyNoMounts } from '../../../scripts/real-servers.ts'
import { describeUnless } from '../../enforcer/test/real-server.ts'
import { LeftOpen } from '../src/drill/database.ts'
import type { About, Actor } from './actor.ts'
import { eventually, RoughSite } from './rough-site.ts'

const sealTo = {
  kty: 'OKP',
  crv: 'X25519',
  x: 'CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk',
} as const
const slackMillis = 6_000
const settled = (grant: Grant): grant is OpenedGrant =>
  'targets' in grant && grant.targets.every(({ phase }) => phase === 'absent')

let site: RoughSite
beforeAll(async () => {
  site = await RoughSite.open({ revokeSloSeconds: 3 })
  await site.up()
})
afterAll(() => site.remove())

async function requested(ada: Actor, bob: Actor, life: number): Promise<About> {
  const about = await ada.ask(await ada.openIncident(), life)
  await bob.mustAct('approve', {}, about)
  return about
}

/** Opened, and a privileged session left open. */
async function inUse(life: number) {
  const [ada, bob] = [await site.actor('ada'), await site.actor('bob')]
  const about = await requested(ada, bob, life)
  const key = await ada.activate(about)
  const login = await eventually('the credential', () => ada.credential(about.grant, key))
  const left = await LeftOpen.connect(login)
  await left.setRole('payments_repair')
  const { notAfter } = (await ada.grant(about.grant)) as OpenedGrant
  return { ada, bob, about, left, notAfter }
}

const absent = (ada: Actor, { grant: id }: About, millis = 30_000) =>
  eventually(
    'every target is absent',
    async () => {
      const grant = await ada.grant(id)
      return settled(grant) && grant
    },
    millis,
  )

async function cut(left: LeftOpen, by: number): Promise<void> {
  await eventually(
    'the session is cut',
    () => left.wasEnded(),
    Math.max(1, by - Date.now()),
  )
  expect(await left.canLogIn()).toBe(false)
}

/** Causes of SAFE MODE as the server says them. */
async function causes(actor: Actor): Promise<string[]> {
  const told = await actor.client.call('status')
  return told.ok ? [...told.value.safeMode] : ['unreachable']
}

describe('a target that is down', () => {
  test('C-01 INV-9 down at the deadline: overdue within the SLO, an alarm, tries on, absent once it returns', async () => {
    const { ada, about, notAfter } = await inUse(5)
    await site.postgres.kill()
    onTestFinished(() => site.postgres.restart())
    const overdue = await eventually(
      'it is overdue',
      async () => {
        const grant = (await ada.grant(about.grant)) as OpenedGrant
        return grant.targets.some((target) => target.overdue) && Date.now()
      },
      notAfter - Date.now() + 3_000 + slackMillis,
    )
    // The enforcer's own deadline may come a moment before, and the time runs from there.
    expect(overdue).toBeGreaterThan(notAfter + 2_000)
    const read = await ada.client.call('grant', { params: { grant: about.grant } })
    const notices = read.ok ? read.value.notices.map(({ kind }) => kind) : []
    expect(notices).toContain('access_not_ended')
    await site.postgres.restart()
    await absent(ada, about)
  }, 60_000)

  test('INV-18 INV-21 a control plane that is away for the whole life: the access ends on time anyway', async () => {
    const { ada, about, left, notAfter } = await inUse(8)
    await site.server.kill()
    await cut(left, notAfter + slackMillis)
    await site.server.start()
    await absent(ada, about)
  }, 60_000)
})

const dial = () => join(site.folder, 'faketime')

/** A wall clock that is turned while the program runs; boot time and monotonic time stay true. */
const turnedClock = () => ({
  LD_PRELOAD: libraryPath('faketime/libfaketime.so.1') ?? '',
  FAKETIME_TIMESTAMP_FILE: dial(),
  FAKETIME_NO_CACHE: '1',
  FAKETIME_DONT_FAKE_MONOTONIC: '1',
})
const turn = (by: string) => writeFileSync(dial(), `${by}\n`)

describeUnless(whyMissing('libfaketime'), 'a wall clock that is turned mid-grant', () => {
  const turns = ['+1h', '+3650d', '-1h'] as const

  for (const by of turns)
    test(`TM-01 TM-02 T-01 at the enforcer by ${by}: the access ends no later than its bound`, async () => {
      turn('+0')
      await site.enforcer.kill()
      await site.enforcer.start(turnedClock())
      const { ada, about, left, notAfter } = await inUse(6)
      turn(by)
      await cut(left, notAfter + slackMillis)
      turn('+0')
      await site.enforcer.kill()
      await site.enforcer.start()
      await absent(ada, about)
    }, 60_000)

  for (const by of turns)
    test(`TM-01 TM-02 T-01 at the server by ${by}: SAFE MODE, ended on time, and out of it by itself`, async () => {
      turn('+0')
      await site.server.kill()
      await site.server.start(turnedClock())
      const { ada, bob, about, left, notAfter } = await inUse(6)
      const waiting = await requested(ada, bob, 5)
      turn(by)
      await eventually('SAFE MODE', async () =>
        (await causes(ada)).includes('clock_jumped'),
      )
      expect(await ada.once('activate', { sealTo }, waiting)).toMatchObject({
        error: { code: 'clock_unsafe' },
      })
      await cut(left, notAfter + slackMillis)
      await absent(ada, about)
      turn('+0')
      await eventually('SAFE MODE is left', async () => (await causes(ada)).length === 0)
      await ada.mustAct('withdraw', {}, waiting)
      const next = await inUse(3)
      await absent(next.ada, next.about)
    }, 60_000)
})

/** A file system of a few MB, where the server's folder was. */
async function onSmallDisk(dir: string): Promise<void> {
  await site.server.kill()
  cpSync(dir, `${dir}.kept`, { recursive: true })
  const args = ['-t', 'tmpfs', '-o', 'size=6m,mode=0700', 'tmpfs', dir]
  const mounted = spawnSync('mount', args)
  if (mounted.status !== 0) throw new Error(`no tmpfs: ${mounted.stderr}`)
  cpSync(`${dir}.kept`, dir, { recursive: true })
  await site.server.start()
}

function fill(dir: string): string {
  const ballast = join(dir, 'ballast')
  const { bavail, bsize } = statfsSync(dir)
  writeFileSync(ballast, Buffer.alloc(bavail * bsize))
  return ballast
}

describeUnless(whyNoMounts(), 'the disk of the server', () => {
  test('S-01 AU-07 full: nothing is granted, access ends on time, and it recovers by itself', async () => {
    const dir = site.dir('server')
    await onSmallDisk(dir)
    onTestFinished(async () => {
      await site.server.kill()
      spawnSync('umount', ['-l', dir])
    })
    const { ada, bob, about, left, notAfter } = await inUse(8)
    const waiting = await requested(ada, bob, 5)
    const ballast = fill(dir)
    const unknown = { ok: false, error: { code: 'outcome_unknown', status: 503 } }
    expect(await ada.once('activate', { sealTo }, waiting)).toMatchObject(unknown)
    expect(await bob.once('revoke', {}, about)).toMatchObject(unknown)
    expect(await ada.client.call('status')).toMatchObject(unknown)
    await cut(left, notAfter + slackMillis)
    expect(site.server.running).toBe(true)

    rmSync(ballast)
    await absent(ada, about)
    await eventually('SAFE MODE is left', async () => (await causes(ada)).length === 0)
    await ada.mustAct('withdraw', {}, waiting)
    const next = await inUse(3)
    await absent(next.ada, next.about)
    expect(await site.persons.dee.run('ledger', 'verify')).toMatchObject({ code: 0 })
  }, 90_000)
})

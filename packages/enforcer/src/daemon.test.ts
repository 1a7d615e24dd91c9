import type { PrincipalId, Receipt } from '@halligan/core'
import { payloadTypes, sealEnvelope } from '@halligan/ledger'
import { describe, expect, test } from 'vitest'
import { sealKeyNamed, storiesOf } from '../test/estate.ts'
import { grantNamed, targetName } from '../test/host.ts'
import { boot, codes, pass, sync, told, type World, world } from '../test/world.ts'
import { connectFake, hasAccess } from './connectors/fake.ts'
import { TargetTaken } from './connectors/port.ts'

const requester = 'ada' as PrincipalId

const ada = grantNamed('a')
const ben = grantNamed('b')

async function applied(): Promise<World> {
  const it = await world()
  it.estate.grant(ada)
  await sync(it)
  expect(told(it)).toEqual(['applied'])
  for (const login of it.host.target.logins) login.sessions.add(Symbol('psql'))
  return it
}

const access = (it: World) => hasAccess(it.host.target, ada)
const detail = <K extends Receipt['detail']['kind']>(it: World, kind: K) =>
  it.estate.receipts.flatMap((receipt) =>
    receipt.detail.kind === kind
      ? [receipt.detail as Extract<Receipt['detail'], { kind: K }>]
      : [],
  )

describe('an end of what was never opened here', () => {
  test.each([
    [
      'is told of no order when none is proven: it may stand in the journal alone',
      {},
      true,
    ],
    [
      'names the order that the log is shown to hold',
      { proof: { entry: {}, proof: 'not looked at' } },
      false,
    ],
  ])('%s', async (_, proved, isNull) => {
    const it = await world()
    it.estate.ends.push({ order: it.estate.end(ben), ...proved })
    await sync(it)
    await pass(it, 20_000)
    expect(told(it)).toEqual(['ending', 'absent', 'cleaned'])
    for (const { orderDigest } of it.estate.receipts)
      expect(orderDigest === null).toBe(isNull)
  })
})

describe('one emergency, told by an honest control plane', () => {
  test('AC-13 INV-18 verified, applied, sealed, ended by its own clock, probed and cleaned', async () => {
    const it = await applied()
    expect(access(it)).toBe(true)
    it.estate.down = true
    await pass(it, 61_000)
    expect(access(it)).toBe(false)
    it.estate.down = false
    await pass(it, 20_000)
    expect(told(it)).toEqual(['applied', 'ending', 'absent', 'cleaned'])
    expect(it.host.books.outgoing(10)).toEqual([])
    expect(it.broken).toEqual([])
  })

  test('AC-13 the target is only asked once the order is verified and written down', async () => {
    const it = await world()
    const fake = connectFake(it.host.target)
    const phases: string[] = []
    await it.daemon.stop()
    const again = await boot(it.host, it.estate, {
      connectors: new Map([
        [
          targetName,
          {
            ...fake,
            apply: (opening) => {
              phases.push(it.host.books.hold(ada, targetName).phase)
              return fake.apply(opening)
            },
          },
        ],
      ]),
    })
    it.estate.grant(ada)
    await sync({ ...it, ...again })
    expect(phases).toEqual(['applying'])
  })

  test('EN-23 C-01 an end order is obeyed at once; a target that is down is tried until it is back', async () => {
    const it = await applied()
    it.host.target.down = true
    it.estate.ends.push({ order: it.estate.end(ada) })
    await sync(it)
    expect(told(it)).toEqual(['applied', 'ending'])
    await pass(it, 3_600_000 / 20)
    expect(access(it)).toBe(true)
    it.host.target.down = false
    await pass(it, 15_500)
    expect(access(it)).toBe(false)
    expect(told(it)).toEqual(['applied', 'ending', 'drifted', 'absent', 'cleaned'])
  })

  test('INV-18 an end order is obeyed although nothing else can be proven', async () => {
    const it = await applied()
    it.estate.lie = (answer) => ({
      ...answer,
      checkpoint: 'nonsense',
      rosters: [],
      opens: [],
    })
    it.estate.ends.push({ order: it.estate.end(ada) })
    await sync(it)
    expect(access(it)).toBe(false)
  })

  test('an end that no issuer signed ends nothing', async () => {
    const it = await applied()
    const order = JSON.parse(Buffer.from(it.estate.end(ada).payload, 'base64').toString())
    const forged = sealEnvelope(payloadTypes.order, order, it.estate.keys.mallory)
    it.estate.ends.push({ order: forged })
    await sync(it)
    expect(access(it)).toBe(true)
  })

  test('INV-11 an end that overtakes its open order keeps the door shut', async () => {
    const it = await world()
    await sync(it)
    it.estate.ends.push({ order: it.estate.end(ada) })
    await sync(it)
    it.estate.grant(ada)
    await sync(it)
    await pass(it, 5000)
    expect(it.host.target.effects.filter(({ kind }) => kind === 'apply')).toEqual([])
    expect(codes(it)).toContain('already_acted_on')
  })

  test('EN-11 C-05 ending what somebody removed by hand succeeds, and says so', async () => {
    const it = await applied()
    it.host.target.logins = []
    it.estate.ends.push({ order: it.estate.end(ada) })
    await sync(it)
    expect(detail(it, 'absent')).toMatchObject([{ alreadyAbsent: true }])
  })

  test('an absence that took an ending is not one that was there before', async () => {
    const it = await applied()
    it.estate.ends.push({ order: it.estate.end(ada) })
    await sync(it)
    expect(detail(it, 'absent')).toMatchObject([{ alreadyAbsent: false }])
  })

  test.each(['liesAboutEnding', 'keepsSessions'] as const)(
    'EN-10 EN-14 C-04 a target that says ended while it %s is not believed',
    async (fault) => {
      const it = await applied()
      it.host.target[fault] = true
      it.estate.ends.push({ order: it.estate.end(ada) })
      await sync(it)
      await pass(it, 60_000)
      expect(told(it)).toEqual(['applied', 'ending'])
      expect(it.host.notes).toContainEqual(
        expect.objectContaining({ what: 'end_again', why: 'end_disputed' }),
      )
      it.host.target[fault] = false
      await pass(it, 15_500)
      expect(told(it)).toEqual(['applied', 'ending', 'absent', 'cleaned'])
      expect(access(it)).toBe(false)
    },
  )

  test('EN-22 a cleanup that fails halfway is retried, and never delays absence', async () => {
    const it = await applied()
    it.host.target.refusesCleanup = true
    it.host.target.objects.add('function payments.backdoor')
    it.estate.ends.push({ order: it.estate.end(ada) })
    await sync(it)
    await pass(it, 5000)
    expect(told(it)).toEqual(['applied', 'ending', 'absent'])
    it.host.target.refusesCleanup = false
    await pass(it, 15_500)
    expect(told(it)).toEqual(['applied', 'ending', 'absent', 'cleaned'])
    expect(detail(it, 'cleaned')).toMatchObject([{ findings: 1 }])
    const [blob] = it.estate.deliveries.at(-1)?.blobs ?? []
    expect(blob?.text).toBe('appeared function payments.backdoor')
    expect(it.host.target.logins).toEqual([])
  })

  test('EN-17 ending one of two grants leaves the other, and standing rights', async () => {
    const it = await applied()
    it.host.target.standing.add('role:payments_repair:cy')
    it.estate.grant(ben)
    await sync(it)
    it.estate.ends.push({ order: it.estate.end(ada) })
    await sync(it)
    expect(access(it)).toBe(false)
    expect(hasAccess(it.host.target, ben)).toBe(true)
    expect([...it.host.target.standing]).toEqual(['role:payments_repair:cy'])
  })

  test('absence from a snapshot ends nothing, and is told as drift', async () => {
    const it = await world()
    it.estate.grant(ada, { terms: { lifeSeconds: 600 } })
    await sync(it)
    storiesOf(it.estate).length = 0
    await pass(it, 90_000)
    expect(access(it)).toBe(true)
    expect(detail(it, 'drifted')).toMatchObject([{ what: 'unlisted' }])
  })

  test('EN-26 access that no grant explains is told at start, once, and left for people', async () => {
    const it = await world()
    await it.daemon.stop()
    await connectFake(it.host.target).apply({
      grant: ben,
      target: targetName,
      requester,
      privileges: ['role:payments_admin'],
      overlapKey: 'x',
      applyBefore: (it.host.clock.read().wall + 1000) as never,
      deadline: (it.host.clock.read().wall + 1_000_000) as never,
    })
    const again = { ...it, ...(await boot(it.host, it.estate)) }
    await pass(again, 200_000)
    expect(detail(again, 'drifted')).toMatchObject([{ what: 'unexplained' }])
    expect(again.estate.receipts.at(-1)).toMatchObject({ grant: null, orderDigest: null })
    expect(hasAccess(it.host.target, ben)).toBe(true)
  })

  test('C-08 INV-8 access that was ended and reappears is told and ended again', async () => {
    const it = await applied()
    const backup = it.host.target.logins.map((login) => ({ ...login }))
    it.estate.ends.push({ order: it.estate.end(ada) })
    await sync(it)
    expect(access(it)).toBe(false)
    it.host.target.logins = backup.map((login) => ({ ...login, sessions: new Set() }))
    expect(access(it)).toBe(true)
    await pass(it, 61_000)
    expect(access(it)).toBe(false)
    expect(detail(it, 'drifted')).toMatchObject([{ what: 'reappeared' }])
  })
})

describe('a new credential', () => {
  test('K-08 a reveal act gives a new password under the same deadline', async () => {
    const it = await applied()
    it.estate.reseals.push(it.estate.reseal(ada, sealKeyNamed('n')))
    await sync(it)
    await sync(it)
    expect(told(it)).toEqual(['applied', 'applied'])
    const [first, second] = detail(it, 'applied')
    expect(second?.revealId).not.toBe(first?.revealId)
    const to = JSON.parse(it.estate.deliveries[1]?.sealed?.jwe ?? '{}').to
    expect(to).toBe(sealKeyNamed('n').x)
    await pass(it, 61_000)
    expect(access(it)).toBe(false)
  })

  test.each([
    ['mallory asks for it', 'mallory', 'n', 'not_requester'],
    ['the server swaps its key', 'ada', 'm', 'other_seal_key'],
  ] as const)('none when %s', async (_, by, seals, code) => {
    const it = await applied()
    const reseal = it.estate.reseal(ada, sealKeyNamed('n'), by, sealKeyNamed(seals))
    it.estate.reseals.push(reseal)
    await sync(it)
    expect(told(it)).toEqual(['applied', 'refused'])
    expect(codes(it)).toEqual([code])
    expect(it.host.target.effects.map(({ kind }) => kind)).toEqual(['apply'])
  })
})

describe('clocks, under a running daemon', () => {
  test('TM-01 T-01 a wall clock set back an hour ends the grant, never late', async () => {
    const it = await applied()
    await pass(it, 6000)
    it.host.clock.stepWall(-3_600_000)
    await pass(it, 2000)
    expect(access(it)).toBe(false)
    expect(detail(it, 'ending')).toEqual([{ kind: 'ending', cause: 'clock' }])
  })

  test('TM-02 INV-8 a jump of ten years ends it, and jumping back revives nothing', async () => {
    const it = await applied()
    it.host.clock.stepWall(315_360_000_000)
    await pass(it, 2000)
    it.host.clock.stepWall(-315_360_000_000)
    await sync(it)
    await pass(it, 20_000)
    expect(access(it)).toBe(false)
    expect(it.host.target.effects.map(({ kind }) => kind)).toEqual([
      'apply',
      'end',
      'cleanup',
    ])
    it.estate.grant(ben)
    await sync(it)
    expect(hasAccess(it.host.target, ben)).toBe(true)
  })

  test('TM-04 T-02 after two hours of suspend the first wake ends it', async () => {
    const it = await applied()
    it.host.clock.pass(7_200_000)
    it.host.scheduler.fire()
    await pass(it, 0)
    expect(access(it)).toBe(false)
  })

  test('T-05 a frozen wall clock does not lengthen it', async () => {
    const it = await applied()
    it.host.clock.freezeWall()
    await pass(it, 61_000)
    expect(access(it)).toBe(false)
  })

  test('K-10 INV-21 a restart after the deadline ends it at once; a reboot without time does', async () => {
    for (const synchronised of [true, false]) {
      const it = await applied()
      it.daemon.due.stop()
      it.host.scheduler.clear()
      if (synchronised) it.host.clock.pass(61_000)
      else it.host.clock.reboot(false)
      const again = { ...it, ...(await boot(it.host, it.estate)) }
      await pass(again, 0)
      expect(access(again)).toBe(false)
      const cause = synchronised ? 'deadline' : 'reboot'
      await pass(again, 1000)
      expect(detail(again, 'ending')).toEqual([{ kind: 'ending', cause }])
    }
  })
})

test('one enforcer per target: a second refuses to start', async () => {
  const it = await world()
  const second = it.host.boot()
  it.host.target.holder = Symbol('first')
  const { startDaemon, usualDaemonPace } = await import('./daemon.ts')
  await expect(startDaemon(second, usualDaemonPace, () => {})).rejects.toThrow(TargetTaken)
})

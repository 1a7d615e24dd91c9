import type { GrantId, Instant } from '@halligan/core'
import { describe, expect, test } from 'vitest'
import { createHost, grantNamed, type Host, start, targetName } from '../test/host.ts'
import { accept, kinds, lifeMillis, receipts } from '../test/run.ts'
import { patienceMillis } from './ask-target.ts'
import { beginEnd } from './begin-end.ts'
import {
  connectFake,
  createFakeTarget,
  type FakeTarget,
  hasAccess,
} from './connectors/fake.ts'
import {
  type Applied,
  type Connector,
  CredentialRefused,
  TargetTaken,
} from './connectors/port.ts'
import { type Daemon, startDaemon, usualDaemonPace } from './daemon.ts'
import { startDueLoop } from './due.ts'
import type { Site } from './site.ts'

const [ada, ben] = [grantNamed('a'), grantNamed('b')]
const role = 'role:payments_repair'
const never = () => new Promise<never>(() => {})

type Two = Readonly<{
  host: Host
  site: Site
  /** The target beside the healthy one. */
  sick: FakeTarget
  broken: unknown[]
}>

/** The healthy target of the host, and another whose connector is `ill`. */
function beside(ill: (well: Connector, target: FakeTarget) => Connector): Two {
  const host = createHost()
  const sick = createFakeTarget(() => host.clock.read().wall)
  const plain = host.boot()
  const connectors = new Map<string, Connector>([
    // First, so that whatever goes in order meets it first.
    ['sick-pg', ill(connectFake(sick, 'sick-pg'), sick)],
    ...plain.connectors,
  ])
  return { host, sick, site: { ...plain, connectors }, broken: [] }
}

/** Work that never settles keeps nobody idle: so turns are given, and not waited for. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 60; turn++) await new Promise(setImmediate)
}

async function pass(host: Host, millis: number, atEach = () => {}): Promise<void> {
  await turns()
  for (let passed = 0; passed < millis; passed += 500) {
    host.clock.pass(500)
    host.scheduler.fire()
    await turns()
    atEach()
  }
}

async function started(it: Two): Promise<Daemon> {
  let daemon: Daemon | null = null
  const starting = startDaemon(it.site, usualDaemonPace, (error) => it.broken.push(error))
  void starting.then((ready) => {
    daemon = ready
  })
  await pass(it.host, 6000)
  if (daemon === null) throw new Error('the daemon did not start')
  return daemon
}

const drifts = (host: Host, target: string) => host.books.drifts(target)

describe('INV-25 L-04 a target that hangs delays no other', () => {
  test.each(['open', 'standing', 'snapshot', 'probeAbsent', 'end', 'close'] as const)(
    'in %s: the other target opens, ends and is watched on time',
    async (method) => {
      const it = beside((well) => ({ ...well, [method]: never }))
      const sickHold = grantNamed('c')
      accept(it.site, sickHold, undefined, 'sick-pg')
      const daemon = await started(it)
      accept(it.site, ada)
      daemon.due.look()
      await turns()
      expect(hasAccess(it.host.target, ada)).toBe(true)
      it.host.target.logins[0]?.sessions.add(Symbol('psql'))
      const end = it.host.clock.read().wall + lifeMillis
      await pass(it.host, lifeMillis + 1000, () => {
        if (it.host.clock.read().wall >= end + 1000)
          expect(hasAccess(it.host.target, ada)).toBe(false)
      })
      it.host.target.logins.push({
        ...{ name: 'stray', grant: ben, memberships: ['x'], password: 'x', canLogin: true },
        ...{ validUntil: (start + 9e9) as Instant, sessions: new Set() },
      })
      await pass(it.host, usualDaemonPace.driftMillis + 500)
      expect(drifts(it.host, targetName)).toEqual([`unexplained ${ben}`])
      expect(it.broken).toEqual([])
      const stopping = daemon.stop()
      if (method === 'close') await pass(it.host, 6000)
      else await pass(it.host, patienceMillis)
      await stopping
    },
  )

  test('a target that is taken by another later is told, and blocks no other', async () => {
    let taken = false
    const it = beside((well) => ({
      ...well,
      async open() {
        if (taken) throw new TargetTaken('another enforcer holds this target')
        await well.open()
      },
    }))
    await started(it)
    taken = true
    await pass(it.host, usualDaemonPace.driftMillis + 500)
    expect(it.broken).toEqual([])
    expect(drifts(it.host, 'sick-pg')).toEqual(['connector_unready'])
    expect(drifts(it.host, targetName)).toEqual([])
  })

  test('one that is taken at the start refuses the start, and lets the others go', async () => {
    const it = beside((well) => ({
      ...well,
      open: async () => {
        throw new TargetTaken('another enforcer holds this target')
      },
    }))
    await expect(startDaemon(it.site, usualDaemonPace, () => {})).rejects.toThrow(
      TargetTaken,
    )
    expect(it.host.target.holder).toBe(null)
  })
})

describe('a call that never comes back', () => {
  /** `apply` hangs until it is let go, and then takes effect, however late. */
  function lateApply() {
    let letGo = () => {}
    const it = beside((well) => ({
      ...well,
      apply: async (opening): Promise<Applied> => {
        await new Promise<void>((resolve) => {
          letGo = resolve
        })
        // A target that checks no clock of its own: the worst there is.
        return well.apply({ ...opening, applyBefore: Number.MAX_SAFE_INTEGER as Instant })
      },
    }))
    return { it, letGo: () => letGo() }
  }

  test('INV-11 INV-9 an abandoned apply is never taken for absent, and is ended when it lands', async () => {
    const { it, letGo } = lateApply()
    const daemon = await started(it)
    accept(it.site, ada, undefined, 'sick-pg')
    daemon.due.look()
    await pass(it.host, lifeMillis + 20_000)
    const hold = () => it.host.books.hold(ada, 'sick-pg')
    expect(hold().phase).toBe('ending')
    expect(kinds(it.host.books)).not.toContain('absent')
    expect(daemon.due.trouble(hold())?.why).toMatch(/has not come back/)
    letGo()
    await turns()
    for (const login of it.sick.logins) login.sessions.add(Symbol('psql'))
    expect(hasAccess(it.sick, ada)).toBe(true)
    await pass(it.host, usualDaemonPace.retryCeilingMillis + 500)
    expect(hasAccess(it.sick, ada)).toBe(false)
    expect(kinds(it.host.books)).toContain('absent')
    expect(it.sick.logins).toEqual([])
    expect(it.broken).toEqual([])
  })

  test('the ending of a grant does not wait for its own hanging apply past the deadline', async () => {
    const { it } = lateApply()
    const daemon = await started(it)
    accept(it.site, ada, undefined, 'sick-pg')
    daemon.due.look()
    await pass(it.host, lifeMillis + 1500)
    expect(it.sick.effects.map(({ kind }) => kind)).toContain('end')
  })

  test('INV-18 an end is asked of the target at once, whatever an apply is waiting for', async () => {
    const { it, letGo } = lateApply()
    const daemon = await started(it)
    accept(it.site, ada, undefined, 'sick-pg', 600_000)
    daemon.due.look()
    await turns()
    beginEnd(it.site, { grant: ada, target: 'sick-pg' }, 'local_root')
    daemon.due.look()
    await turns()
    expect(it.sick.effects.map(({ kind }) => kind)).toEqual(['end'])
    expect(it.host.books.hold(ada, 'sick-pg').phase).toBe('ending')
    letGo()
    await pass(it.host, 2000)
    expect(hasAccess(it.sick, ada)).toBe(false)
    expect(kinds(it.host.books)).not.toContain('applied')
    expect(kinds(it.host.books)).toContain('absent')
  })

  test('INV-25 an end is asked of the target at once, however many openings hang there', async () => {
    const { it } = lateApply()
    const daemon = await started(it)
    const others = ['c', 'd', 'e', 'f'].map(grantNamed)
    expect(others).toHaveLength(usualDaemonPace.laneWidth)
    for (const grant of [...others, ada])
      accept(it.site, grant, undefined, 'sick-pg', 600_000)
    daemon.due.look()
    await turns()
    beginEnd(it.site, { grant: ada, target: 'sick-pg' }, 'local_root')
    daemon.due.look()
    await turns()
    expect(it.sick.effects.map(({ kind, grant }) => [kind, grant])).toEqual([['end', ada]])
  })

  test('INV-25 at the start, what is due on one target ends although another hangs', async () => {
    const it = beside((well) => ({ ...well, open: never }))
    accept(it.site, ada)
    const first = startDueLoop(it.site, usualDaemonPace, () => {})
    first.look()
    await turns()
    expect(hasAccess(it.host.target, ada)).toBe(true)
    first.stop()
    it.host.scheduler.clear()
    it.host.clock.pass(lifeMillis)
    void startDaemon(it.site, usualDaemonPace, (error) => it.broken.push(error))
    await turns()
    expect(hasAccess(it.host.target, ada)).toBe(false)
  })

  test('nothing like it is begun beside it', async () => {
    let calls = 0
    const it = beside((well) => ({
      ...well,
      apply: () => {
        calls++
        return never()
      },
    }))
    const daemon = await started(it)
    accept(it.site, ada, undefined, 'sick-pg', 600_000)
    daemon.due.look()
    await pass(it.host, 3 * patienceMillis)
    expect(calls).toBe(1)
  })
})

describe('C-07 the connector itself is watched', () => {
  const refusing = (refused: { now: boolean }) =>
    beside((well) => ({
      ...well,
      standing: async (target) => {
        if (refused.now) throw new CredentialRefused('28P01')
        return well.standing(target)
      },
    }))

  test('a refused credential is told at once, once while it lasts, and again when it is well', async () => {
    const refused = { now: false }
    const it = refusing(refused)
    await started(it)
    refused.now = true
    await pass(it.host, 3 * usualDaemonPace.driftMillis)
    expect(drifts(it.host, 'sick-pg')).toEqual(['connector_unready'])
    expect(kinds(it.host.books)).toEqual(['drifted'])
    refused.now = false
    await pass(it.host, 2 * usualDaemonPace.driftMillis)
    expect(drifts(it.host, 'sick-pg')).toEqual([])
    expect(kinds(it.host.books)).toEqual(['drifted', 'drifted'])
    const texts = it.host.books
      .outgoing(10)
      .flatMap(({ delivery }) => delivery.blobs.map(({ text }) => text))
    expect(texts).toEqual(['connector_unready 28P01', 'connector_ready sick-pg'])
  })

  test('a target that was away for one look is not worth waking anybody for', async () => {
    const it = beside((well) => well)
    await started(it)
    it.sick.down = true
    await pass(it.host, usualDaemonPace.driftMillis)
    it.sick.down = false
    await pass(it.host, usualDaemonPace.driftMillis)
    expect(kinds(it.host.books)).toEqual([])
    it.sick.down = true
    await pass(it.host, 2 * usualDaemonPace.driftMillis)
    expect(kinds(it.host.books)).toEqual(['drifted'])
  })

  test('a credential that may do too much is told while the enforcer runs', async () => {
    const it = beside((well) => ({
      ...well,
      excess: async () => [
        { grave: true, words: 'is a superuser' },
        { grave: false, words: 'may create databases' },
      ],
    }))
    await started(it)
    expect(drifts(it.host, 'sick-pg')).toEqual(['connector_excess is a superuser'])
  })
})

test('C-07 what an opening would fail for is told while the enforcer runs, before anybody needs it', async () => {
  let lacks: readonly string[] = []
  const it = beside((well) => ({
    ...well,
    lacks: async (_, privileges) => (privileges.includes(role) ? lacks : []),
  }))
  const { guard } = it.site
  const [usual] = Object.values(guard.targets)
  const guarded = { ...guard.targets, 'sick-pg': { ...usual, privileges: [role] } }
  const site = { ...it.site, guard: { ...guard, targets: guarded } } as Site
  await started({ ...it, site })
  lacks = ['there is no role payments_repair']
  await pass(it.host, 3 * usualDaemonPace.driftMillis)
  expect(drifts(it.host, 'sick-pg')).toEqual([
    'connector_lacks there is no role payments_repair',
  ])
  expect(kinds(it.host.books)).toEqual(['drifted'])
  lacks = []
  await pass(it.host, usualDaemonPace.driftMillis)
  expect(drifts(it.host, 'sick-pg')).toEqual([])
})

test('C-07 where nothing says what an opening would fail for, what stands is compared all the same', async () => {
  let ask = async (): Promise<readonly string[]> => ['there is no role x']
  const it = beside((well) => ({ ...well, lacks: () => ask() }))
  await started(it)
  ask = async () => {
    throw new Error('getent did not end well')
  }
  it.sick.logins.push({
    ...{ name: 'stray', grant: ben, memberships: ['x'], password: 'x', canLogin: true },
    ...{ validUntil: (start + 9e9) as Instant, sessions: new Set() },
  })
  await pass(it.host, 3 * usualDaemonPace.driftMillis)
  const lacking = 'connector_lacks there is no role x'
  const unready = 'connector_unready'
  expect(drifts(it.host, 'sick-pg')).toEqual([`unexplained ${ben}`, lacking, unready])
  ask = async () => []
  await pass(it.host, usualDaemonPace.driftMillis)
  expect(drifts(it.host, 'sick-pg')).toEqual([`unexplained ${ben}`])
  const told = receipts(it.host.books).map(({ detail }) => detail)
  expect(told.map((one) => one.kind === 'drifted' && one.what)).toEqual([
    ...['connector_lacks', 'unexplained', unready, 'connector_ready'],
  ])
})

test('INV-10 a grant whose note cannot be read is told once, and with the grant', async () => {
  let unreadable: readonly GrantId[] = []
  const it = beside((well) => ({ ...well, unreadable: async () => unreadable }))
  const daemon = await started(it)
  accept(it.site, ada, undefined, 'sick-pg', 600_000)
  daemon.due.look()
  await turns()
  unreadable = [ada]
  await pass(it.host, 3 * usualDaemonPace.driftMillis)
  const told = receipts(it.host.books).filter(({ detail }) => detail.kind === 'drifted')
  expect(told).toMatchObject([{ grant: ada, detail: { what: 'note_unreadable' } }])
})

test('EN-16 a grant that its target has lost is told within one interval', async () => {
  const it = beside((well) => well)
  const daemon = await started(it)
  accept(it.site, ada, undefined, targetName, 600_000)
  daemon.due.look()
  await turns()
  it.host.target.logins = []
  await pass(it.host, usualDaemonPace.driftMillis)
  expect(drifts(it.host, targetName)).toEqual([`missing ${ada}`])
})

test('C-10 each target has an obligation of its own: those that can end do, and the rest after a crash', async () => {
  const it = beside((well) => well)
  const five = ['a', 'b', 'c'].map((letter) => grantNamed(letter))
  const daemon = await started(it)
  for (const grant of five) accept(it.site, grant, undefined, targetName)
  for (const grant of five) accept(it.site, grant, undefined, 'sick-pg')
  daemon.due.look()
  await pass(it.host, 2000)
  it.sick.down = true
  await pass(it.host, lifeMillis + 2000)
  const left = (books = it.host.books) => books.unfinished().map(({ target }) => target)
  expect(left()).toEqual(['sick-pg', 'sick-pg', 'sick-pg'])
  daemon.due.stop()
  it.host.scheduler.clear()
  it.sick.holder = null
  it.host.target.holder = null
  it.sick.down = false
  const fresh = { ...it.host.boot() }
  const connectors = new Map<string, Connector>([
    ['sick-pg', connectFake(it.sick, 'sick-pg')],
    ...fresh.connectors,
  ])
  await started({ ...it, site: { ...fresh, connectors } })
  expect(left()).toEqual([])
  for (const grant of five) expect(hasAccess(it.sick, grant)).toBe(false)
})

import { describe, expect, test } from 'vitest'
import { grantNamed, targetName } from '../test/host.ts'
import { boot, codes, pass, settle, sync, told, type World, world } from '../test/world.ts'
import { hasAccess } from './connectors/fake.ts'
import { parseCommand } from './local-commands.ts'

const ada = grantNamed('a')

const effects = (it: World) => it.host.target.effects.map(({ kind }) => kind)

async function applied(more = {}): Promise<World> {
  const it = await world(more)
  it.estate.grant(ada)
  await sync(it)
  expect(hasAccess(it.host.target, ada)).toBe(true)
  return it
}

describe('what comes more than once, out of order, or not at all', () => {
  test('Q-01 ten deliveries of an order to open and of one to end are one of each', async () => {
    const it = await applied()
    for (let times = 0; times < 10; times++) await sync(it)
    expect(effects(it)).toEqual(['apply'])
    const end = { order: it.estate.end(ada) }
    it.estate.ends.push(...Array.from({ length: 10 }, () => end))
    for (let times = 0; times < 10; times++) await sync(it)
    expect(effects(it)).toEqual(['apply', 'end', 'cleanup'])
    expect(told(it)).toEqual(['applied', 'ending', 'absent', 'cleaned'])
  })

  test('Q-02 an end that comes before its open keeps it from ever being applied', async () => {
    const it = await world()
    await sync(it)
    it.estate.ends.push({ order: it.estate.end(ada) })
    await sync(it)
    it.estate.ends.length = 0
    it.estate.grant(ada)
    for (let times = 0; times < 3; times++) await sync(it)
    expect(effects(it)).not.toContain('apply')
    expect(codes(it)).toContain('already_acted_on')
  })

  test('P-04 replies that are lost: each receipt is told again until one is heard, and kept once', async () => {
    let lost = 0
    const losing = (it: World) => ({
      ...it.estate.controlPlane,
      async deliver(delivery: Parameters<World['estate']['controlPlane']['deliver']>[0]) {
        const answer = await it.estate.controlPlane.deliver(delivery)
        lost++
        const unheard = { code: 'unreachable', detail: 'no reply' }
        return lost % 3 === 0 ? answer : { ok: false as const, error: unheard }
      },
    })
    const first = await world()
    await first.daemon.stop()
    const it = {
      ...first,
      ...(await boot(first.host, first.estate, { controlPlane: losing(first) })),
    }
    it.estate.grant(ada)
    await sync(it)
    it.estate.ends.push({ order: it.estate.end(ada) })
    await sync(it)
    await pass(it, 60_000)
    expect(lost).toBeGreaterThan(8)
    expect(told(it)).toEqual(['applied', 'ending', 'absent', 'cleaned'])
    expect(it.host.books.outgoing(10)).toEqual([])
    expect(effects(it)).toEqual(['apply', 'end', 'cleanup'])
  })

  test('P-05 a line that comes and goes every second for ten minutes: one of each, and no alarm for it', async () => {
    const it = await applied()
    let ticks = 0
    await pass(it, 600_000, () => {
      it.estate.down = ++ticks % 4 < 2
      it.daemon.wake()
    })
    it.estate.down = false
    await pass(it, 20_000)
    expect(told(it)).toEqual(['applied', 'ending', 'absent', 'cleaned'])
    expect(it.host.notes.filter(({ level }) => level === 'alarm')).toEqual([])
  })
})

describe('what is not over is never forgotten', () => {
  test('C-02 EN-19 a target that is gone for good is tried for ever, and never called absent', async () => {
    const it = await applied()
    it.host.target.down = true
    it.estate.ends.push({ order: it.estate.end(ada) })
    await sync(it)
    // People have attested at the control plane: it says nothing of the grant any more.
    it.estate.lie = (answer) => ({ ...answer, opens: [], ends: [] })
    await pass(it, 1_200_000)
    expect(it.host.books.hold(ada, targetName).phase).toBe('ending')
    expect(told(it)).not.toContain('absent')
    const tries = it.host.notes.filter(({ what }) => what === 'end_again').length
    expect(tries).toBeGreaterThan(1_200_000 / 15_000)
    await settle(it)
    it.host.target.down = false
    await pass(it, 15_500)
    expect(told(it).slice(-2)).toEqual(['absent', 'cleaned'])
  })

  test('EN-19 no command at the enforcer forgets a grant', () => {
    for (const command of ['forget', 'force', 'attest', 'absent', 'drop', 'delete'])
      expect(parseCommand(JSON.stringify({ command, grant: ada }))).toBe(null)
  })
})

import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Envelope, Json, PrincipalId } from '@halligan/core'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { grantNamed, targetName } from '../test/host.ts'
import type { Keys } from '../test/roster.ts'
import { pass, sync, told, type World, world } from '../test/world.ts'
import { connectFake, hasAccess } from './connectors/fake.ts'
import { endByAct } from './end-locally.ts'
import { obey, parseCommand } from './local-commands.ts'
import { askSocket, serveSocket } from './socket.ts'

const requester = 'ada' as PrincipalId

const ada = grantNamed('a')
const ben = grantNamed('b')

/** Applied, and then cut off: what follows must need nobody. */
async function cutOff(): Promise<World> {
  const it = await world()
  it.estate.grant(ada)
  await sync(it)
  expect(told(it)).toEqual(['applied'])
  it.estate.down = true
  return it
}

const cause = (it: World) => {
  const hold = it.host.books.hold(ada, targetName)
  return hold.phase === 'absent' ? hold.cause : hold.phase
}

describe('ending by a signed act, with no server, log or nonce', () => {
  const act = (it: World, by: keyof Keys, verb: 'revoke' | 'return' | 'deny' = 'revoke') =>
    it.estate.act(verb, by, { grant: ada }, {})

  test.each([
    ['the requester revokes', 'ada', 'revoke', 'local_act'],
    ['the requester returns', 'ada', 'return', 'local_act'],
    ['an approver of that grant revokes', 'bob', 'revoke', 'local_act'],
    ['an owner in the guard revokes', 'dee', 'revoke', 'local_act'],
    ['an approver of other grants does not', 'cy', 'revoke', 'applied'],
    ['mallory does not', 'mallory', 'revoke', 'applied'],
    ['an approver cannot return for the requester', 'bob', 'return', 'applied'],
    ['a deny ends nothing', 'ada', 'deny', 'applied'],
  ] as const)('%s', async (_, by, verb, expected) => {
    const it = await cutOff()
    const ended = endByAct(it.site, act(it, by, verb))
    it.daemon.due.look()
    await pass(it, 1000)
    expect(cause(it)).toBe(expected)
    expect(ended.ok).toBe(expected === 'local_act')
    expect(hasAccess(it.host.target, ada)).toBe(expected === 'applied')
  })

  test('an act that somebody else signed under that name ends nothing', async () => {
    const it = await cutOff()
    const real = act(it, 'dee')
    const forged: Envelope = { ...real, signatures: act(it, 'mallory').signatures }
    expect(endByAct(it.site, forged)).toMatchObject({ ok: false })
    expect(hasAccess(it.host.target, ada)).toBe(true)
  })

  test('INV-8 the same act again changes nothing', async () => {
    const it = await cutOff()
    const revoke = act(it, 'dee')
    expect(endByAct(it.site, revoke)).toMatchObject({ value: { targets: [targetName] } })
    expect(endByAct(it.site, revoke)).toMatchObject({ value: { targets: [] } })
  })
})

describe('over the unix socket', () => {
  let dir: string
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'halligan-socket-'))
  })
  afterEach(() => rmSync(dir, { recursive: true }))

  async function ask(it: World, command: Json) {
    const path = join(dir, 'enforcer.sock')
    const server = await serveSocket(path, async (asked) => {
      const answer = await obey(it.site, it.daemon.due, asked)
      it.daemon.due.look()
      return answer
    })
    expect(statSync(path).mode & 0o777).toBe(0o600)
    const answer = await askSocket(path, command)
    server.close()
    await pass(it, 1000)
    return answer
  }

  test('the host ends one grant, asking nobody', async () => {
    const it = await cutOff()
    expect(await ask(it, { command: 'end', grant: ada })).toMatchObject({ ok: true })
    expect(cause(it)).toBe('local_root')
    expect(hasAccess(it.host.target, ada)).toBe(false)
  })

  test('EN-22 the kill switch ends everything, what no book explains included', async () => {
    const it = await cutOff()
    await connectFake({ ...it.host.target, holder: null }).apply({
      grant: ben,
      target: targetName,
      requester,
      privileges: ['role:payments_admin'],
      overlapKey: 'x',
      applyBefore: (it.host.clock.read().wall + 1000) as never,
      deadline: (it.host.clock.read().wall + 1_000_000) as never,
    })
    expect(hasAccess(it.host.target, ben)).toBe(true)
    const answer = await ask(it, { command: 'end_all' })
    expect(answer).toMatchObject({ ok: true, value: { ended: [{}, {}] } })
    expect(cause(it)).toBe('kill_switch')
    for (const grant of [ada, ben]) expect(hasAccess(it.host.target, grant)).toBe(false)
  })

  test('INV-8 what was ended here is not applied again by a server that repeats itself', async () => {
    const it = await cutOff()
    await ask(it, { command: 'end', grant: ada })
    it.estate.down = false
    await sync(it)
    await pass(it, 20_000)
    expect(hasAccess(it.host.target, ada)).toBe(false)
    expect(told(it)).toEqual(['applied', 'ending', 'absent', 'cleaned'])
  })

  test('a grant that never came here is fenced off, and said to be none', async () => {
    const it = await cutOff()
    const answer = await ask(it, { command: 'end', grant: ben })
    expect(answer).toMatchObject({ value: { held: [], targets: [targetName] } })
    expect(await ask(it, { command: 'end', grant: ada })).toMatchObject({
      value: { held: [targetName] },
    })
    it.estate.down = false
    it.estate.grant(ben)
    await sync(it)
    await pass(it, 1000)
    expect(hasAccess(it.host.target, ben)).toBe(false)
  })

  test('status names what is held, and no secret', async () => {
    const it = await cutOff()
    const answer = await ask(it, { command: 'status' })
    expect(answer).toMatchObject({
      ok: true,
      value: { enforcer: 'enf-payments', holds: [{ grant: ada, phase: 'applied' }] },
    })
    expect(JSON.stringify(answer)).not.toContain('secret')
  })

  test.each([
    '',
    '{}',
    'status',
    '{"command":"status","more":1}',
    '{"command":"end"}',
    '{"command":"end","grant":"g-1"}',
    '{"command":"end_act","act":{}}',
    '{"command":"status","command":"end_all"}',
  ])('%j is no command', (line) => {
    expect(parseCommand(line)).toBe(null)
  })
})

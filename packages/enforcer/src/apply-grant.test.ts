import { describe, expect, test } from 'vitest'
import { createHost, grantNamed, type Host, targetName } from '../test/host.ts'
import { accept, kinds, lifeMillis, pass, receipts, run } from '../test/run.ts'
import { beginEnd } from './begin-end.ts'
import { connectFake, hasAccess } from './connectors/fake.ts'
import type { Connector } from './connectors/port.ts'

const ada = grantNamed('a')
const place = { grant: ada, target: targetName }

/** A whole life at a connector that does something else the first time it applies. */
async function life(
  make: (host: Host, fake: Connector) => Connector['apply'],
): Promise<Host> {
  const host = createHost()
  const fake = connectFake(host.target)
  const odd = make(host, fake)
  let calls = 0
  const apply: Connector['apply'] = (opening) =>
    calls++ === 0 ? odd(opening) : fake.apply(opening)
  const site = host.boot({ connectors: new Map([[targetName, { ...fake, apply }]]) })
  accept(site, ada)
  const { loop, broken } = run(site)
  await pass(host, loop, lifeMillis + 3000)
  expect(broken).toEqual([])
  expect(hasAccess(host.target, ada)).toBe(false)
  return host
}

describe('between asking the target and believing it', () => {
  test('INV-11 an apply that returns after the deadline is ended at once, and handed to nobody', async () => {
    const host = await life((host, fake) => async (opening) => {
      const applied = await fake.apply(opening)
      host.clock.pass(lifeMillis)
      return applied
    })
    expect(kinds(host.books)).toEqual(['ending', 'absent', 'cleaned'])
    expect(receipts(host.books)[0]?.detail).toEqual({ kind: 'ending', cause: 'late_apply' })
  })

  test('INV-11 an end that arrives while the target applies wins', async () => {
    const host = await life((host, fake) => async (opening) => {
      const applied = await fake.apply(opening)
      beginEnd(host.boot(), place, 'local_root')
      return applied
    })
    expect(kinds(host.books)).toEqual(['ending', 'absent', 'cleaned'])
  })

  test('K-07 INV-10 an answer that was lost counts as applied, is told, and is followed up', async () => {
    const host = await life((_, fake) => async (opening) => {
      await fake.apply(opening)
      throw new Error('connection reset')
    })
    expect(kinds(host.books)).toEqual(['unknown', 'applied', 'ending', 'absent', 'cleaned'])
    expect(new Set(host.target.effects.map(({ grant }) => grant)).size).toBe(1)
  })

  test('INV-10 a target that says applied and shows nothing is not believed', async () => {
    const host = await life(() => async () => ({
      kind: 'applied',
      credential: { user: 'x' },
    }))
    expect(kinds(host.books)).toEqual(['unknown', 'applied', 'ending', 'absent', 'cleaned'])
  })

  test("INV-11 what the target's own clock finds too late is ended, whatever ours says", async () => {
    const host = await life((host) => async () => ({
      kind: 'too_late',
      targetNow: host.clock.read().wall,
    }))
    expect(kinds(host.books)).toEqual(['ending', 'absent', 'cleaned'])
    expect(host.target.effects.some(({ kind }) => kind === 'apply')).toBe(false)
  })
})

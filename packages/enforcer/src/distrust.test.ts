import { describe, expect, test } from 'vitest'
import { storiesOf } from '../test/estate.ts'
import { grantNamed, targetName } from '../test/host.ts'
import { boot, codes, pass, sync, told, world } from '../test/world.ts'
import { connectFake, hasAccess } from './connectors/fake.ts'

const ada = grantNamed('a')
const ben = grantNamed('b')

const onOneAccount = {
  targets: [
    {
      target: targetName,
      enforcer: 'enf-payments',
      privileges: ['account:payments_owner'],
    },
  ],
}

describe('what is never taken on trust', () => {
  test('INV-11 an older order for the same account is fenced, however late it arrives', async () => {
    const it = await world()
    const older = it.estate.grant(ada, { terms: onOneAccount })
    storiesOf(it.estate).length = 0
    it.estate.grant(ben, { terms: onOneAccount })
    await sync(it)
    storiesOf(it.estate).push(older)
    await sync(it)
    expect(told(it)).toEqual(['applied', 'refused'])
    expect(codes(it)).toEqual(['fenced'])
    expect(hasAccess(it.host.target, ada)).toBe(false)
    expect(hasAccess(it.host.target, ben)).toBe(true)
  })

  test('two orders for one account in one answer are opened in the order of the log', async () => {
    const it = await world()
    for (const grant of [ada, ben]) it.estate.grant(grant, { terms: onOneAccount })
    storiesOf(it.estate).reverse()
    await sync(it)
    expect(it.host.target.effects.map(({ grant }) => grant)).toEqual([ada, ben])
  })

  test('an order whose place in the row is not its own is refused', async () => {
    const it = await world()
    it.estate.grant(ada, { order: (one) => ({ ...one, overlapKey: 'payments-pg/other' }) })
    await sync(it)
    expect(codes(it)).toEqual(['wrong_overlap_key'])
  })

  test('EN-10 a probe that looked at nothing shows no absence', async () => {
    const it = await world()
    await it.daemon.stop()
    const blind = { ...connectFake(it.host.target), probeAbsent: async () => [] }
    const again = {
      ...it,
      ...(await boot(it.host, it.estate, { connectors: new Map([[targetName, blind]]) })),
    }
    it.estate.grant(ada)
    it.estate.ends.push({ order: it.estate.end(ada) })
    await sync(again)
    await pass(again, 30_000)
    expect(told(again)).not.toContain('absent')
  })

  test.each([
    ['shows the place of another entry', 'entry'],
    ['proves nothing', 'proof'],
  ] as const)('INV-14 a receipt is kept while the server %s', async (_, lie) => {
    const it = await world()
    await it.daemon.stop()
    let lies = true
    const { controlPlane } = it.estate
    const deliver: typeof controlPlane.deliver = async (delivery) => {
      const answer = await controlPlane.deliver(delivery)
      if (!answer.ok || !lies) return answer
      const other = it.estate.prove(0)
      const value =
        lie === 'entry' ? { index: 0, ...other } : { ...answer.value, proof: other.proof }
      return { ok: true, value }
    }
    const again = {
      ...it,
      ...(await boot(it.host, it.estate, { controlPlane: { ...controlPlane, deliver } })),
    }
    it.estate.grant(ada)
    await sync(again)
    await pass(again, 5000)
    expect(it.host.books.outgoing(10)).toHaveLength(1)
    lies = false
    await pass(again, 20_000)
    expect(it.host.books.outgoing(10)).toEqual([])
  })
})

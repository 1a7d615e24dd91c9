import { describe, expect, test } from 'vitest'
import { grantNamed } from '../test/host.ts'
import { pass, sync, told, world } from '../test/world.ts'
import { hasAccess } from './connectors/fake.ts'

const ada = grantNamed('a')

describe('one emergency, told by an honest control plane', () => {
  test('AC-13 INV-18 verified, applied, sealed, ended by its own clock, probed and cleaned', async () => {
    const it = await world()
    it.estate.grant(ada)
    expect(it.host.target.effects).toEqual([])
    await sync(it)
    expect(told(it)).toEqual(['applied'])
    expect(hasAccess(it.host.target, ada)).toBe(true)
    it.estate.down = true
    await pass(it, 61_000)
    expect(hasAccess(it.host.target, ada)).toBe(false)
    it.estate.down = false
    await pass(it, 20_000)
    expect(told(it)).toEqual(['applied', 'ending', 'absent', 'cleaned'])
    expect(it.host.books.outgoing(10)).toEqual([])
    expect(it.broken).toEqual([])
  })
})

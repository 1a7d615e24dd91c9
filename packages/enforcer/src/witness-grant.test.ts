import type { Receipt } from '@halligan/core'
import { describe, expect, test } from 'vitest'
import { grantNamed } from '../test/host.ts'
import { boot, pass, settle, sync, told, type World, world } from '../test/world.ts'
import { mostWitnessTries } from './witness-grant.ts'

const ada = grantNamed('a')

async function ended(prepare: (it: World) => void): Promise<World> {
  const it = await world()
  it.estate.grant(ada)
  await sync(it)
  prepare(it)
  it.estate.ends.push({ order: it.estate.end(ada) })
  await sync(it)
  await settle(it)
  return it
}

const witnessed = (it: World) =>
  it.estate.receipts.flatMap(
    ({ detail }): Extract<Receipt['detail'], { kind: 'witnessed' }>[] =>
      detail.kind === 'witnessed' ? [detail] : [],
  )

const texts = (it: World) =>
  it.estate.deliveries
    .filter((_, i) => it.estate.receipts[i]?.detail.kind === 'witnessed')
    .flatMap(({ blobs }) => blobs)

describe('session evidence', () => {
  test('is told after absence and before cleanup, each part opening its commitment', async () => {
    const it = await ended(({ host }) =>
      host.target.evidence.set(ada, 'update payments set amount = 0\n'),
    )
    expect(told(it)).toEqual(['applied', 'ending', 'absent', 'witnessed', 'cleaned'])
    expect(witnessed(it)).toMatchObject([{ what: 'statements', complete: true }])
    expect(texts(it).map(({ text }) => text)).toEqual(['update payments set amount = 0\n'])
    expect(witnessed(it)[0]?.parts.map(({ textCommitment }) => textCommitment)).toEqual(
      texts(it).map(({ commitment }) => commitment),
    )
  })

  test('a target that keeps none has none told', async () => {
    const it = await ended(() => {})
    expect(told(it)).toEqual(['applied', 'ending', 'absent', 'cleaned'])
  })

  test('what is longer than a receipt carries is cut, and says so', async () => {
    const it = await ended(({ host }) =>
      host.target.evidence.set(ada, 'select 1;\n'.repeat(30_000)),
    )
    expect(witnessed(it)).toMatchObject([{ complete: false }])
    expect(texts(it)).toHaveLength(32)
  })

  test('at its longest, in the characters that JSON makes most of, a delivery is taken', async () => {
    const it = await ended(({ host }) =>
      host.target.evidence.set(ada, '\u0000'.repeat(300_000)),
    )
    for (const delivery of it.estate.deliveries)
      expect(Buffer.byteLength(JSON.stringify(delivery))).toBeLessThan(2 * 1024 * 1024)
  })

  test('INV-18 what cannot be read is given up after some tries, and cleanup goes on', async () => {
    const it = await ended(({ host }) => {
      host.target.evidenceFails = true
    })
    await pass(it, 60_000)
    expect(told(it)).toEqual(['applied', 'ending', 'absent', 'witnessed', 'cleaned'])
    expect(witnessed(it)).toMatchObject([{ parts: [], complete: false }])
  })

  test('tries are counted before they are made: one that kills the enforcer is given up too', async () => {
    const it = await world()
    it.estate.grant(ada)
    await sync(it)
    it.estate.ends.push({ order: it.estate.end(ada) })
    await it.daemon.stop()
    let asked = 0
    let now = it
    const deadly = () => {
      asked++
      return new Promise<never>(() => {})
    }
    for (let crash = 0; crash <= mostWitnessTries; crash++) {
      now.host.scheduler.clear()
      const fresh = now.host.boot()
      const connectors = new Map(
        [...fresh.connectors].map(([name, connector]) => [
          name,
          { ...connector, evidence: deadly },
        ]),
      )
      now = { ...now, ...(await boot(now.host, now.estate, { connectors })) }
      now.daemon.wake()
      for (let turn = 0; turn < 40; turn++) await new Promise(setImmediate)
      now.daemon.due.stop()
    }
    expect(asked).toBe(mostWitnessTries)
    expect(told(now)).toEqual(['applied', 'ending', 'absent', 'witnessed', 'cleaned'])
  })
})

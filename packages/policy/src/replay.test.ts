import { expect, test } from 'vitest'
import { bundleOf, edited, exampleFiles, facts } from '../test/situation.ts'
import { type RecordedRuling, replayRuling } from './replay.ts'

const example = bundleOf(exampleFiles)

const recorded = (): RecordedRuling => {
  const ruling = example.explain({ ...facts, lifeSeconds: 1800 })
  // As it comes back from the ledger.
  const { open, ...rest } = structuredClone(ruling)
  return { ...rest, open: open.map(({ name }) => name) }
}

test('INV-19 a recorded ruling replays to the same answer', () => {
  expect(replayRuling(example, recorded())).toMatchObject({ verdict: 'replayed' })
})

test('INV-19 a forged answer is found, route by route', () => {
  const { closed, ...rest } = recorded()
  expect(
    replayRuling(example, { ...rest, open: ['quorum', 'solo'], closed: [] }),
  ).toMatchObject({
    verdict: 'differs',
    routes: ['solo'],
  })
  const reworded = closed.map((route) => ({ ...route, reasons: ['because'] }))
  expect(replayRuling(example, { ...rest, closed: reworded })).toMatchObject({
    routes: ['solo'],
  })
})

test('INV-19 altered facts are judged anew', () => {
  const altered = { ...recorded(), facts: { ...facts, lifeSeconds: 600 } }
  expect(replayRuling(example, altered)).toMatchObject({ verdict: 'differs' })
})

test('another bundle or engine says nothing', () => {
  const other = bundleOf({
    ...exampleFiles,
    ...edited('estate.yaml', 'tier: 1', 'tier: 2'),
  })
  expect(replayRuling(other, recorded())).toEqual({
    verdict: 'not_replayed',
    why: 'other_bundle',
  })
  expect(replayRuling(example, { ...recorded(), engine: 'cedar-wasm 4.12.0' })).toEqual({
    verdict: 'not_replayed',
    why: 'other_engine',
  })
})

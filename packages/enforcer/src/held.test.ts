import { expect, test } from 'vitest'
import { createHost, grantNamed, targetName } from '../test/host.ts'
import { accept, lifeMillis, pass, run } from '../test/run.ts'
import { connectFake, createFakeTarget } from './connectors/fake.ts'
import { heldIn } from './held.ts'

const [ada, ben, cy] = [grantNamed('a'), grantNamed('b'), grantNamed('c')]

test('EN-17 a connector sees every grant on its target, until it is cleaned up, and any one of them alone', async () => {
  const host = createHost()
  const site = host.boot()
  const held = heldIn(host.books)
  accept(site, ada)
  accept(site, ben, 'payments_owner')
  accept(site, cy, undefined, 'other-pg')
  expect(held(targetName)).toMatchObject([
    { grant: ada, phase: 'standing' },
    { grant: ben, phase: 'standing', privileges: ['account:payments_owner'] },
  ])
  expect(held('other-pg').map(({ grant }) => grant)).toEqual([cy])
  host.target.refusesCleanup = true
  const other = connectFake(
    createFakeTarget(() => host.clock.read().wall),
    'other-pg',
  )
  const first = run({
    ...site,
    connectors: new Map([...site.connectors, ['other-pg', other]]),
  })
  await pass(host, first.loop, lifeMillis + 1000)
  for (const grant of [ada, ben])
    expect(held(targetName, grant)).toMatchObject([{ grant, phase: 'closing' }])
  host.target.refusesCleanup = false
  await pass(host, first.loop, 16_000)
  for (const grant of [ada, ben]) expect(held(targetName, grant)).toEqual([])
  expect(held(targetName)).toEqual([])
  expect(held(targetName, grantNamed('d'))).toEqual([])
})

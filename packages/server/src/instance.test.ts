import { setTimeout as pause } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { activeGrant, Person, startServer } from '../test/http-kit.ts'

test('INV-18 what a contradicted log keeps due is tried on, and keeps no processor busy', async () => {
  const server = await startServer()
  await activeGrant(await Person.at(server.url, 'ada'), await Person.at(server.url, 'bob'))
  const { store, safeMode, writer } = server.inside().ledger
  safeMode.enter('fork', 'for this test')
  store.database().exec('UPDATE due SET at = 1')
  const tried = vi.spyOn(writer, 'submit')
  const tries = () => tried.mock.calls.filter(([{ name }]) => name === 'time_out').length
  await vi.waitFor(() => expect(tries()).toBeGreaterThan(2), { timeout: 15_000 })
  const before = tries()
  await pause(1000)
  expect(tries() - before).toBeLessThan(15)
  await server.stop()
})

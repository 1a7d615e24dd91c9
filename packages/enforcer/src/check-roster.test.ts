import type { Roster } from '@halligan/core'
import { expect, test } from 'vitest'
import { createEstate, type Estate } from '../test/estate.ts'
import { createClock, targetName } from '../test/host.ts'
import { rosterFinding } from './check-roster.ts'

const configOf = (estate: Estate) => ({
  ...{ enforcer: 'enf-payments', estate: 'example', server: 'http://127.0.0.1:1' },
  ...{ rosterDigest: estate.rosterDigest, targets: { [targetName]: { kind: 'postgres' } } },
})

/** What check finds where the server shows the estate's chain, whose second version is changed so. */
async function found(change: (roster: Roster) => Roster, more = {}, hasKey = true) {
  const estate = createEstate(createClock())
  estate.rosters = [...estate.rosters, estate.rosterOf(2, change)]
  const shows = async () => Response.json({ rosters: estate.rosters })
  const signer = hasKey ? estate.keys.enforcer : estate.keys.mallory
  return rosterFinding({ ...configOf(estate), ...more }, { signer }, shows)
}

const enforcers =
  (change: (one: Roster['enforcers'][number]) => object) =>
  (roster: Roster): Roster => ({
    ...roster,
    enforcers: roster.enforcers.map((one) => ({ ...one, ...change(one) })),
  })
const asIs = enforcers(() => ({}))

test('a roster that gives this enforcer, by its key, its targets is well', async () => {
  expect(await found(asIs)).toEqual({
    ...{ what: 'roster', state: 'ok' },
    detail: 'version 2 gives this enforcer its targets',
  })
})

test.each([
  ['names another', enforcers(() => ({ id: 'enf-other' })), /names no enf-payments/],
  [
    'gives it other targets',
    enforcers(() => ({ targets: ['x'] })),
    /does not give .* payments-pg/,
  ],
  [
    'gives it more targets',
    enforcers(({ targets }) => ({ targets: [...targets, 'x'] })),
    /gives enf-payments x, which config.json does not name/,
  ],
])('one that %s fails, with the reason', async (_, change, reason) => {
  const { state, detail } = await found(change)
  expect(state).toBe('fail')
  expect(detail).toMatch(reason)
})

test('one that gives its name to another key fails', async () => {
  const { state, detail } = await found(asIs, {}, false)
  expect(state).toBe('fail')
  expect(detail).toMatch(/the key ed25519:\w+, not ed25519:/)
})

test('a chain without the pinned digest fails', async () => {
  const rosterDigest = `sha256:${'0'.repeat(64)}` as const
  const { state, detail } = await found(asIs, { rosterDigest })
  expect(state).toBe('fail')
  expect(detail).toMatch(/untrusted_roster/)
})

test('INV-18 a server that cannot be asked is a warning: ending needs nobody', async () => {
  const estate = createEstate(createClock())
  const { state, detail } = await rosterFinding(configOf(estate), {
    signer: estate.keys.enforcer,
  })
  expect(state).toBe('warn')
  expect(detail).toMatch(/unreachable.*nothing new is opened/)
})

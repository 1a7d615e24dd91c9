import type { PrincipalId } from '@halligan/core'
import { digestOfBytes, utf8, vkeyOf } from '@halligan/ledger'
import { nodeCrypto } from '@halligan/ledger/node'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  must,
  type Name,
  openEstate,
  person,
  pubOf,
  sign,
  signerOf,
  type TestEstate,
} from '../../test/estate-kit.ts'
import {
  absent,
  activeGrant,
  approve,
  declareIncident,
  kindsOf,
  nextRoster,
  refusalsOf,
  report,
  request,
  workOff,
} from '../../test/flow-kit.ts'
import { invitePrincipal } from './invite-principal.ts'
import { readKeyProposals } from './read-key-proposals.ts'
import { redeemInvitation } from './redeem-invitation.ts'

let estate: TestEstate
beforeEach(async () => {
  estate = await openEstate()
})
afterEach(() => estate.close())

const code = 'a-code-of-24-characters!'
const frank = 'frank' as PrincipalId

const invite = async (
  by: Name,
  owner: PrincipalId | null = null,
  kind = 'human' as const,
) => {
  const codeDigest = digestOfBytes(nodeCrypto, utf8(code))
  const body = { person: frank, kind, owner, codeDigest }
  return await invitePrincipal(estate.deps, await sign(estate, by, 'invite', { body }))
}

const redeem = (lie: Partial<Parameters<typeof redeemInvitation>[1]> = {}) =>
  redeemInvitation(estate.deps, {
    code,
    principal: frank,
    pub: pubOf(signerOf('frank')),
    ...lie,
  })

describe('an invitation', () => {
  test('proposes one key, which counts only in a roster', async () => {
    must(await invite('bob'))
    const { keyId } = must(await redeem())
    expect(readKeyProposals(estate.deps)).toMatchObject([{ person: 'frank', keyId }])
    expect(estate.deps.inForce.roster(estate.deps.view()).directory.has(frank)).toBe(false)
    must(
      await nextRoster(estate, ({ people }) => ({
        people: [
          ...people,
          {
            person: frank,
            kind: 'human',
            keys: [
              {
                keyId,
                alg: 'ed25519',
                pub: pubOf(signerOf('frank')),
                approvesFrom: 0 as never,
              },
            ],
          },
        ],
      })),
    )
    expect(readKeyProposals(estate.deps)).toEqual([])
  })

  test('is used once', async () => {
    must(await invite('bob'))
    const first = must(await redeem())
    expect(must(await redeem())).toEqual(first)
    const again = await redeem({ pub: pubOf(signerOf('mallory')) })
    expect(again).toMatchObject({ error: { code: 'bad_invitation' } })
    expect(readKeyProposals(estate.deps)).toHaveLength(1)
  })

  test.each([
    ['with a guessed code', { code: 'b-code-of-24-characters!' }],
    ['by somebody else', { principal: person('mallory') }],
    ['with half a key', { pub: 'AAAA' }],
  ])('is not redeemed %s', async (_, lie) => {
    must(await invite('bob'))
    expect(await redeem(lie)).toMatchObject({ error: { code: 'bad_invitation' } })
  })

  test('TM-08 is over after a day, to the millisecond', async () => {
    must(await invite('bob'))
    estate.time.pass(24 * 3600_000)
    expect(await redeem()).toMatchObject({ error: { code: 'bad_invitation' } })
  })

  test('is not mallory’s to give, and a workload needs an owner', async () => {
    expect(await invite('mallory')).toMatchObject({ error: { code: 'not_allowed' } })
    expect(await invite('bob', null, 'agent' as 'human')).toMatchObject({
      error: { code: 'unknown_principal' },
    })
    expect(refusalsOf(estate, 'bob')).toEqual(['unknown_principal'])
  })
})

describe('a roster', () => {
  test('follows the last one, signed by the threshold of its trustees', async () => {
    expect(must(await nextRoster(estate, () => ({})))).toMatchObject({ version: 2 })
    expect(must(await nextRoster(estate, () => ({})))).toMatchObject({ version: 3 })
    expect(kindsOf(estate, 'roster')).toEqual(Array(3).fill('roster_accepted'))
  })

  test('is kept without the signatures that count for nothing, or no case file would verify', async () => {
    must(await nextRoster(estate, () => ({}), ['ada', 'bob', 'cy', 'bob']))
    const kept = estate.deps.view().rosters().at(-1)
    expect(kept?.signatures).toHaveLength(2)
  })

  test.each([
    ['by one trustee', {}, ['bob'], 'too_few_trustees'],
    ['twice by one trustee', {}, ['bob', 'bob'], 'too_few_trustees'],
    ['by strangers', {}, ['ada', 'mallory'], 'bad_roster'],
    ['for a version later than the next', { version: 5 }, ['bob', 'cy'], 'bad_roster'],
    [
      'for another predecessor',
      { prevDigest: `sha256:${'0'.repeat(64)}` },
      ['bob', 'cy'],
      'bad_roster',
    ],
    ['for another estate', { estate: 'elsewhere' }, ['bob', 'cy'], 'bad_roster'],
  ] as const)('is refused when signed %s', async (_, edit, signers, code_) => {
    expect(await nextRoster(estate, () => edit, signers)).toMatchObject({
      error: { code: code_ },
    })
    expect(kindsOf(estate, 'roster')).toEqual(['roster_accepted'])
  })

  test('that lowers its own threshold still takes the old one', async () => {
    const lower = () => ({ threshold: 1 })
    expect(await nextRoster(estate, lower, ['bob'])).toMatchObject({
      error: { code: 'too_few_trustees' },
    })
    must(await nextRoster(estate, lower, ['bob', 'dee']))
    must(await nextRoster(estate, () => ({}), ['bob']))
  })

  test('whose new key is cooling down lets it approve nothing yet', async () => {
    const from = estate.deps.clock.now() + 3600_000
    must(
      await nextRoster(estate, ({ people }) => ({
        people: people.map((one) =>
          one.person === 'bob'
            ? {
                ...one,
                keys: one.keys.map((key) => ({ ...key, approvesFrom: from as never })),
              }
            : one,
        ),
      })),
    )
    await declareIncident(estate)
    const asked = await request(estate)
    expect(await approve(estate, 'bob', asked)).toMatchObject({
      error: { code: 'key_cooling_down' },
    })
    expect(refusalsOf(estate, 'bob')).toEqual(['key_cooling_down'])
  })

  test('EN-22 keeps the enforcer of a target until no access is left on it', async () => {
    await declareIncident(estate)
    const { grant } = await activeGrant(estate)
    const without = () => ({ enforcers: [] })
    expect(await nextRoster(estate, without)).toMatchObject({
      error: { code: 'bad_roster', reason: expect.stringContaining(grant) },
    })
    must(await report(estate, grant, absent))
    estate.time.pass(600_000)
    await workOff(estate)
    must(await nextRoster(estate, without))
  })

  const closed = { toSize: 3, toRoot: Buffer.alloc(32).toString('base64') }

  test('that closes the log and opens no other is none', async () => {
    const answer = await nextRoster(estate, ({ logs }) => ({
      logs: logs.map((log) => ({ ...log, ...closed })),
    }))
    expect(answer).toMatchObject({ error: { code: 'bad_roster' } })
  })

  test('that opens the next log goes the way out of SAFE MODE', async () => {
    const origin = 'example.test/log/e2'
    const vkey = vkeyOf(nodeCrypto, origin, signerOf('log-2').publicKey)
    const ways: number[] = []
    const deps: TestEstate['deps'] = {
      ...estate.deps,
      async leaveSafeMode(_, { version, logs }) {
        ways.push(logs.length)
        return { ok: true, value: { version, rosterDigest: 'sha256:' } }
      },
    }
    const answer = await nextRoster({ ...estate, deps }, ({ logs }) => ({
      logs: [...logs.map((log) => ({ ...log, ...closed })), { origin, vkey, fromSize: 3 }],
    }))
    expect(answer).toMatchObject({ ok: true, value: { version: 2 } })
    expect(ways).toEqual([2])
    expect(kindsOf(estate, 'roster')).toEqual(['roster_accepted'])
  })
})

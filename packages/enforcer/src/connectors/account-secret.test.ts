import type { Instant } from '@halligan/core'
import { expect, test } from 'vitest'
import { memoryVault } from '../../test/memory-vault.ts'
import type { Vault } from '../store/port.ts'
import { giveSecret, rotationReadings, settleSecret } from './account-secret.ts'

const settings = { target: 'payments' }
const account = 'owner'

/** A target with one secret, and what was written down of it. */
const sealed = async () => {
  const vault = memoryVault()
  const target = { secret: 'none' }
  const set = async (secret: string) => {
    target.secret = secret
  }
  const kept = { vault, settings, account }
  await giveSecret(kept, 'first', set)
  const secrets = () => vault.secrets(settings.target, account)
  return { vault, target, set, kept, secrets }
}
const dies = () => {
  throw new Error('killed')
}

test.each<[string, Partial<Vault>, boolean]>([
  ['before it is proposed', { propose: dies }, false],
  ['before it is set', {}, true],
  ['before it is confirmed', { confirm: dies }, false],
])(
  'K-07 a crash %s leaves the one that works in the vault, and settling ends it',
  async (_, failing, setDies) => {
    const { vault, target, set, kept, secrets } = await sealed()
    const dying = { ...kept, vault: { ...vault, ...failing } }
    await expect(giveSecret(dying, 'second', setDies ? dies : set)).rejects.toThrow(
      'killed',
    )
    const { current, proposed } = await secrets()
    expect([current, proposed]).toContain(target.secret)
    expect(await settleSecret(kept, set)).toBe(target.secret)
    expect(await secrets()).toEqual({
      current: target.secret,
      proposed: null,
      earlier: [],
      unreadable: [],
    })
  },
)

test('K-07 a target that does not take the secret leaves it proposed', async () => {
  const { kept, secrets } = await sealed()
  await expect(settleSecret(kept, dies)).resolves.toBe('first')
  await expect(giveSecret(kept, 'second', dies)).rejects.toThrow()
  expect(await secrets()).toMatchObject({ current: 'first', proposed: 'second' })
  await expect(settleSecret(kept, dies)).rejects.toThrow()
  expect(await secrets()).toMatchObject({ current: 'first', proposed: 'second' })
})

test.each([
  ['the fresh one alone', ['fresh'], [true, true, true]],
  ['an older one too', ['fresh', 'older'], [true, false, true]],
  ['nothing', [], [true, true, false]],
])('EN-20 a rotation after which %s opens the account', async (_, open, absent) => {
  const olds = [null, 'older']
  const isOpenTo = async (secret: string) => open.includes(secret)
  const readings = await rotationReadings({ olds, fresh: 'fresh' }, isOpenTo, 1 as Instant)
  expect(readings.map((reading) => reading.absent)).toEqual(absent)
  expect(readings.map(({ probe }) => probe)).toEqual([
    ...['old_secret', 'old_secret', 'new_secret_refused'],
  ])
})

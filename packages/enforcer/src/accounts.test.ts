import type { GrantId, Instant, PrincipalId } from '@halligan/core'
import { payloadTypes, readEnvelope } from '@halligan/ledger'
import { describe, expect, test } from 'vitest'
import { sealKeyNamed, storiesOf } from '../test/estate.ts'
import { grantNamed, targetName } from '../test/host.ts'
import { orderFor } from '../test/run.ts'
import { codes, pass, settle, sync, told, type World, world } from '../test/world.ts'
import { connectFake, createFakeTarget, hasAccess } from './connectors/fake.ts'
import { restingAccount } from './connectors/fake-account.ts'
import { obey } from './local-commands.ts'
import { advance, unheld } from './state.ts'

const [ada, ben] = [grantNamed('a'), grantNamed('b')]
const account = 'payments_owner'
const privileges = [`account:${account}`]

/** A grant of ada's on the shared account. */
function ask(it: World, grant: GrantId): void {
  const target = { target: targetName, enforcer: 'enf-payments', privileges }
  it.estate.grant(grant, { terms: { targets: [target] } })
}

/** As if an order of somebody else's for the account had been verified and written down before. */
function heldBy(it: World, grant: GrantId, requester: string): void {
  const { wall, bootMillis, bootId } = it.host.clock.read()
  const notAfter = (wall + 600_000) as Instant
  const order = { ...orderFor(grant), privileges, account, notAfter }
  const accepted = advance(unheld(grant, targetName), {
    kind: 'accepted',
    order: { ...order, requester: requester as PrincipalId },
    bound: {
      ...{ bootId, bootAtAccept: bootMillis, wallAtAccept: wall, notAfter },
      remainingMillis: 600_000,
    },
    before: '[]',
  })
  if (accepted.ok) it.host.books.keepHold(accepted.value)
}

async function checkedOut(): Promise<World> {
  const it = await world()
  ask(it, ada)
  await sync(it)
  expect(told(it)).toEqual(['applied'])
  return it
}

const accountAt = (it: World) => {
  const found = it.host.target.accounts.get(account)
  if (found === undefined) throw new Error('no account')
  return found
}
const end = async (it: World, grant: GrantId) => {
  it.estate.ends.push({ order: it.estate.end(grant) })
  await sync(it)
}
const rotate = (it: World, name = account, target: string | null = null) =>
  obey(it.site, it.daemon.due, { command: 'rotate', account: name, target })
const vaultHolds = async (it: World) =>
  (await it.host.vault.secrets(targetName, account)).current

describe('a shared account', () => {
  test('INV-20 its secret is told of as shared, rotated after absence and before cleanup', async () => {
    const it = await checkedOut()
    expect(hasAccess(it.host.target, ada)).toBe(true)
    const given = accountAt(it).secret
    await end(it, ada)
    await settle(it)
    expect(told(it)).toEqual(['applied', 'ending', 'absent', 'rotated', 'cleaned'])
    const [applied] = it.estate.receipts
    expect(applied?.detail).toMatchObject({ kind: 'applied', shared: true })
    const rotated = it.estate.receipts.find(({ detail }) => detail.kind === 'rotated')
    expect(rotated).toMatchObject({ grant: ada, detail: { probes: [{}, {}] } })
    expect(rotated?.detail).not.toHaveProperty('account')
    expect(accountAt(it)).toMatchObject({ canLogin: true })
    expect(accountAt(it).knownTo.size).toBe(0)
    expect(accountAt(it).secret).not.toBe(given)
    expect(await vaultHolds(it)).toBe(accountAt(it).secret)
  })

  test('a new secret for a lost key is as shared as the first, and rotated as well', async () => {
    const it = await checkedOut()
    it.estate.reseals.push(it.estate.reseal(ada, sealKeyNamed('n')))
    await sync(it)
    const applied = it.estate.receipts.filter(({ detail }) => detail.kind === 'applied')
    expect(applied).toMatchObject([
      { detail: { shared: true } },
      { detail: { shared: true } },
    ])
    const resealed = accountAt(it).secret
    await end(it, ada)
    await settle(it)
    expect(told(it).slice(2)).toEqual(['ending', 'absent', 'rotated', 'cleaned'])
    expect(accountAt(it).secret).not.toBe(resealed)
  })

  test('no receipt and no blob ever holds a secret of it', async () => {
    const it = await checkedOut()
    const secrets = [accountAt(it).secret]
    await end(it, ada)
    await settle(it)
    secrets.push(accountAt(it).secret)
    const sent = it.estate.deliveries.map(({ receipt, blobs }) => {
      const read = readEnvelope(payloadTypes.receipt, receipt)
      return JSON.stringify([read, blobs, it.host.notes])
    })
    for (const secret of secrets) expect(sent.join()).not.toContain(secret)
  })

  test('EN-20 a rotation that the probes do not show is no rotation, and is tried for ever', async () => {
    const it = await checkedOut()
    it.host.target.refusesRotation = true
    await end(it, ada)
    await pass(it, 120_000)
    expect(told(it)).toEqual(['applied', 'ending', 'absent'])
    const struggles = it.estate.receipts.flatMap(({ detail }) =>
      detail.kind === 'struggling' ? [detail] : [],
    )
    expect(struggles.at(-1)).toMatchObject({ work: 'rotate', attempts: 8 })
    it.host.target.refusesRotation = false
    await pass(it, 15_500)
    expect(told(it)).toEqual(['applied', 'ending', 'absent', 'rotated', 'cleaned'])
  })

  test('while one has it, another is refused, for good', async () => {
    const it = await world()
    heldBy(it, ben, 'cy')
    await pass(it, 1000)
    expect(hasAccess(it.host.target, ben)).toBe(true)
    ask(it, ada)
    await sync(it)
    expect(hasAccess(it.host.target, ada)).toBe(false)
    expect(codes(it)).toEqual(['account_in_use'])
    expect(hasAccess(it.host.target, ben)).toBe(true)
  })

  test.each(['refusesRotation', 'refusesCleanup'] as const)(
    'on its way back, while the target %s, it is given to nobody, and then to whoever still waits',
    async (fault) => {
      const it = await checkedOut()
      it.host.target[fault] = true
      await end(it, ada)
      ask(it, ben)
      await sync(it)
      await pass(it, 10_000)
      expect(hasAccess(it.host.target, ben)).toBe(false)
      expect(codes(it)).toEqual([])
      it.host.target[fault] = false
      await pass(it, 30_000)
      expect(hasAccess(it.host.target, ben)).toBe(true)
    },
  )

  test('EN-17 an extension has no gap: the first ending leaves it open, the last rotates for both', async () => {
    const it = await checkedOut()
    ask(it, ben)
    await sync(it)
    accountAt(it).sessions.add(Symbol('psql'))
    await end(it, ada)
    await pass(it, 5000)
    expect(hasAccess(it.host.target, ben)).toBe(true)
    expect(accountAt(it).sessions.size).toBe(1)
    expect(told(it)).not.toContain('rotated')
    storiesOf(it.estate).length = 0
    await end(it, ben)
    await pass(it, 5000)
    const rotated = it.estate.receipts.filter(({ detail }) => detail.kind === 'rotated')
    expect(rotated.map(({ grant }) => grant).sort()).toEqual([ada, ben])
    expect(it.host.target.effects.filter(({ kind }) => kind === 'rotate')).toHaveLength(1)
    expect(it.host.books.unfinished()).toEqual([])
  })

  test('EN-16 use of it that no grant explains is told once', async () => {
    const it = await world()
    accountAt(it).sessions.add(Symbol('psql'))
    await pass(it, 130_000)
    expect(told(it)).toEqual(['drifted'])
    expect(it.estate.receipts[0]?.detail).toMatchObject({ what: 'sealed_account_used' })
  })
})

describe('rotation on demand', () => {
  test('is proven, told with the account and no grant, and leaves the secret in the vault', async () => {
    const it = await world()
    expect(await rotate(it)).toMatchObject({ ok: true, value: { account } })
    await sync(it)
    expect(it.estate.receipts).toMatchObject([
      { grant: null, target: targetName, detail: { kind: 'rotated', account } },
    ])
    expect(await vaultHolds(it)).toBe(accountAt(it).secret)
  })

  test.each([
    ['account_in_use while somebody has it', checkedOut, account, null, 'account_in_use'],
    ['an account that is not kept', world, 'nobodys', null, 'unknown_account'],
    ['another target', world, account, 'elsewhere', 'unknown_account'],
  ] as const)('refuses %s', async (_, begin, name, target, code) => {
    const it = await begin()
    expect(await rotate(it, name, target)).toMatchObject({ ok: false, code })
    expect(it.host.target.effects.filter(({ kind }) => kind === 'rotate')).toEqual([])
  })

  test('asks which, where several targets keep one of that name', async () => {
    const connectors = new Map(
      [targetName, 'other-pg'].map((name) => {
        const target = createFakeTarget(() => 0 as Instant)
        target.accounts.set(account, restingAccount(account))
        return [name, connectFake(target, name)]
      }),
    )
    const it = await world({ connectors })
    expect(await rotate(it)).toMatchObject({ ok: false, code: 'ambiguous_account' })
  })

  test.each([
    ['refusesRotation', 'not_rotated'],
    ['down', 'target_failed'],
  ] as const)(
    'says so when the target %s, and tells the ledger nothing',
    async (fault, code) => {
      const it = await world()
      it.host.target[fault] = true
      expect(await rotate(it)).toMatchObject({ ok: false, code })
      await sync(it)
      expect(told(it)).toEqual([])
    },
  )
})

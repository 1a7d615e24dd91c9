import type { GrantId, Instant, PrincipalId } from '@halligan/core'
import { isShown } from '@halligan/core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { memoryPorts } from '../../test/connector-ports.ts'
import { freshGrant } from '../../test/fresh-grant.ts'
import {
  installations,
  openPostgresLab,
  type PostgresLab,
} from '../../test/postgres-lab.ts'
import type { Connector, Held, Opening } from './port.ts'
import type { ConnectorPorts } from './registry.ts'

const account = 'payments_emergency'
const asked = { requester: 'ada' as PrincipalId, privileges: [`account:${account}`] }

/** What is PostgreSQL's own of a shared account; all else is in shared-account.contract.ts. */
describe.each(installations)('a shared account at $name', ({ binaries }) => {
  let lab: PostgresLab
  let connector: Connector
  let ports: ConnectorPorts
  let held: Held[]

  beforeAll(async () => {
    lab = await openPostgresLab(binaries)
    await lab.makeAccount(account)
  })
  afterAll(() => lab.remove())
  beforeEach(async () => {
    held = []
    ports = memoryPorts(() => held)
    connector = lab.connector({ accounts: [account] }, ports)
    await connector.open()
  })
  afterEach(() => connector.close())

  const opening = async (grant: GrantId, seconds: number): Promise<Opening> => {
    const now = await lab.now()
    return {
      ...{ grant, target: lab.target, ...asked, overlapKey: `${lab.target}/${account}` },
      applyBefore: (now + 60_000) as Instant,
      deadline: (now + seconds * 1000) as Instant,
    }
  }
  const become = (grant: GrantId, phase: Held['phase']) => {
    held = [...held.filter((one) => one.grant !== grant), { grant, ...asked, phase }]
  }
  const checkOut = async (grant: GrantId, seconds = 900): Promise<Instant> => {
    become(grant, 'standing')
    const order = await opening(grant, seconds)
    expect(await connector.apply(order)).toMatchObject({ kind: 'applied' })
    return order.deadline
  }
  const giveBack = async (...grants: readonly GrantId[]) => {
    for (const grant of grants) {
      become(grant, 'ending')
      await connector.end(grant, lab.target)
    }
    for (const grant of grants) become(grant, 'closing')
    await connector.rotate?.(account)
  }
  const read = async (column: string) => {
    const { rows } = await lab.asSuperuser((root) =>
      root.query(`select ${column} as value from pg_roles where rolname = $1`, [account]),
    )
    return rows[0]?.value
  }
  const safeOpens = (password: string) => {
    const { hostname, port } = new URL(lab.server.superuserUrl)
    const at = { PGHOST: hostname, PGPORT: port, PGDATABASE: 'payments' }
    return lab
      .login({ ...at, PGUSER: account, PGPASSWORD: password })
      .then((db) => db.end().then(() => true))
      .catch(() => false)
  }
  const sealedSecret = async () => (await ports.vault.secrets(lab.target, account)).current

  test('what the account is otherwise stays its owner’s, and leaves no difference', async () => {
    await connector.rotate?.(account)
    const grant = freshGrant()
    const before = await connector.snapshot(lab.target)
    await checkOut(grant)
    await giveBack(grant)
    expect(
      connector.difference(before, await connector.snapshot(lab.target), grant),
    ).toEqual([])
    expect(await read('rolconnlimit')).toBe(7)
  })

  test('an extension never shortens the deadline at the target, nor does what stands', async () => {
    const [first, second, third] = [freshGrant(), freshGrant(), freshGrant()]
    const until = async () => (await read('rolvaliduntil')).getTime()
    const long = await checkOut(first, 900)
    expect(await until()).toBe(long)
    await checkOut(second, 300)
    expect(await until()).toBe(long)
    const longer = await checkOut(third, 1200)
    expect(await until()).toBe(longer)
    await giveBack(first, second, third)
    expect(await read('isfinite(rolvaliduntil)')).toBe(false)
    held = []
    const fourth = freshGrant()
    const short = await checkOut(fourth, 300)
    expect(await until()).toBe(short)
    await giveBack(fourth)
  })

  test('a target that refuses the rotation fills no vault, however often it is tried', async () => {
    await connector.rotate?.(account)
    const before = await ports.vault.secrets(lab.target, account)
    const changed = (how: string) =>
      lab.asSuperuser((root) => root.query(`alter role halligan_connector ${how}`))
    await changed('nocreaterole')
    for (const _try of [1, 2, 3])
      await expect(connector.rotate?.(account)).rejects.toThrow(/permission denied|must/)
    expect(await ports.vault.secrets(lab.target, account)).toEqual(before)
    await changed('createrole')
    await connector.rotate?.(account)
  })

  test('K-07 a crash between vault and target, on either side, leaves a secret that works', async () => {
    await ports.vault.propose(lab.target, account, 'never reached the target')
    expect(
      isShown({ kind: 'rotated', probes: (await connector.rotate?.(account)) ?? [] }),
    ).toBe(true)
    const before = await sealedSecret()
    const dying = lab.connector(
      { accounts: [account] },
      {
        ...ports,
        vault: { ...ports.vault, confirm: () => Promise.reject(new Error('kill')) },
      },
    )
    await connector.close()
    await dying.open()
    await expect(dying.rotate?.(account)).rejects.toThrow('kill')
    await dying.close()
    expect(await sealedSecret()).toBe(before)
    const [grant, waiting] = [freshGrant(), 'proposed, and the disk is full']
    const again = lab.connector(
      { accounts: [account] },
      {
        ...ports,
        vault: {
          ...ports.vault,
          propose: async (...of) => {
            await ports.vault.propose(of[0], of[1], waiting)
            throw new Error('kill')
          },
        },
      },
    )
    await again.open()
    become(grant, 'standing')
    await expect(again.apply(await opening(grant, 900))).rejects.toThrow('kill')
    held = []
    await again.close()
    expect(await safeOpens((await sealedSecret()) ?? '')).toBe(true)
    await connector.open()
    const probes = (await connector.rotate?.(account)) ?? []
    expect(probes.filter(({ probe }) => probe === 'old_secret')).toHaveLength(2)
    expect(isShown({ kind: 'rotated', probes })).toBe(true)
    expect(await safeOpens((await sealedSecret()) ?? '')).toBe(true)
  })
})

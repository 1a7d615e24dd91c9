import type { GrantId, Instant, PrincipalId } from '@halligan/core'
import { isShown } from '@halligan/core'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { memoryPorts } from '../../test/connector-ports.ts'
import { freshGrant } from '../../test/fresh-grant.ts'
import {
  installations,
  openPostgresLab,
  type PostgresLab,
} from '../../test/postgres-lab.ts'
import type { Connector, Credential, Held, Opening } from './port.ts'
import type { ConnectorPorts } from './registry.ts'

const account = 'payments_emergency'
const privileges = [`account:${account}`]
const person = (name: string) => name as PrincipalId

describe.each(installations)('a shared account at $name', ({ binaries }) => {
  let lab: PostgresLab
  let connector: Connector
  let ports: ConnectorPorts
  let held: Held[]

  beforeEach(async () => {
    lab = await openPostgresLab(binaries)
    await lab.asSuperuser(async (root) => {
      await root.query(`create role ${account} login password 'from the safe'
        connection limit 7 in role payments_repair`)
      const options = (await isBefore16(root)) ? '' : ', inherit false, set false'
      const admin = options === '' ? 'admin option' : `admin true${options}`
      await root.query(`grant ${account} to halligan_connector with ${admin}`)
    })
    held = []
    ports = memoryPorts(() => held)
    await ports.vault.propose(lab.target, account, 'from the safe')
    await ports.vault.confirm(lab.target, account)
    connector = lab.connector({ accounts: [account] }, ports)
    await connector.open()
  })
  afterEach(async () => {
    await connector.close()
    await lab.remove()
  })

  const isBefore16 = async (
    db: Parameters<Parameters<PostgresLab['asSuperuser']>[0]>[0],
  ) => {
    const { rows } = await db.query('show server_version_num')
    return Number(rows[0]?.server_version_num) < 160000
  }
  const opening = async (grant: GrantId, requester = 'ada', seconds = 60) => {
    const now = await lab.now()
    return {
      ...{ grant, target: lab.target, requester: person(requester), privileges },
      overlapKey: `${lab.target}/account:${account}`,
      applyBefore: (now + seconds * 1000) as Instant,
      deadline: (now + 900_000) as Instant,
    } satisfies Opening
  }
  const hold = (grant: GrantId, requester = 'ada') => {
    held.push({ grant, requester: person(requester), privileges, phase: 'standing' })
  }
  const turn = (grant: GrantId, phase: Held['phase']) => {
    held = held.map((one) => (one.grant === grant ? { ...one, phase } : one))
  }
  const checkedOut = async (grant: GrantId, requester = 'ada'): Promise<Credential> => {
    hold(grant, requester)
    const applied = await connector.apply(await opening(grant, requester))
    if (applied.kind !== 'applied') throw new Error(applied.kind)
    return applied.credential
  }
  const safeOpens = (password: string) =>
    lab
      .login({ ...address(), PGUSER: account, PGPASSWORD: password })
      .then((db) => db.end().then(() => true))
      .catch(() => false)
  const address = () => {
    const url = new URL(lab.server.superuserUrl)
    return { PGHOST: url.hostname, PGPORT: url.port, PGDATABASE: 'payments' }
  }
  const absent = async (grant: GrantId) =>
    (await connector.probeAbsent(grant, lab.target)).every((probe) => probe.absent)
  const sealedSecret = async () => (await ports.vault.secrets(lab.target, account)).current

  test('EN-20 is checked out, ended, rotated, and rests with a secret that nobody was given', async () => {
    const grant = freshGrant()
    const credential = await checkedOut(grant)
    expect(credential.PGUSER).toBe(account)
    expect(await connector.probePresent(grant, lab.target)).toBe(true)
    expect(await connector.standing(lab.target)).toEqual([grant])
    const inside = await lab.login(credential)
    expect(await safeOpens('from the safe')).toBe(false)

    turn(grant, 'ending')
    expect(await absent(grant)).toBe(false)
    await connector.end(grant, lab.target)
    expect(await absent(grant)).toBe(true)
    await expect(inside.query('select 1')).rejects.toThrow()
    await expect(lab.login(credential)).rejects.toThrow()

    turn(grant, 'closing')
    const probes = (await connector.rotate?.(account)) ?? []
    expect(probes.map(({ probe }) => probe)).toEqual(['old_secret', 'new_secret_refused'])
    expect(isShown({ kind: 'rotated', probes })).toBe(true)
    expect(await safeOpens(credential.PGPASSWORD ?? '')).toBe(false)
    expect(await safeOpens((await sealedSecret()) ?? '')).toBe(true)
  })

  test('what the account is otherwise stays its owner’s, and leaves no difference', async () => {
    const grant = freshGrant()
    const before = await connector.snapshot(lab.target)
    await checkedOut(grant)
    turn(grant, 'ending')
    await connector.end(grant, lab.target)
    await connector.rotate?.(account)
    expect(
      connector.difference(before, await connector.snapshot(lab.target), grant),
    ).toEqual([])
    const { rows } = await lab.asSuperuser((root) =>
      root.query('select rolconnlimit as many from pg_roles where rolname = $1', [account]),
    )
    expect(rows).toEqual([{ many: 7 }])
  })

  test('EN-17 one person at a time; the same one may take it again, and only the last end ends it', async () => {
    const [first, second] = [freshGrant(), freshGrant()]
    await checkedOut(first)
    expect(connector.refuses?.(await opening(second, 'bob'))).toBe('account_in_use')
    expect(connector.refuses?.(await opening(second, 'ada'))).toBe(null)
    const inside = await lab.login(await checkedOut(second))
    turn(first, 'ending')
    await connector.end(first, lab.target)
    expect(await absent(first)).toBe(true)
    expect((await inside.query('select 1')).rowCount).toBe(1)
    turn(second, 'ending')
    expect(await absent(second)).toBe(false)
    expect(connector.refuses?.(await opening(freshGrant(), 'ada'))).toBe('account_in_use')
    await connector.end(second, lab.target)
    expect(await absent(second)).toBe(true)
    await expect(inside.query('select 1')).rejects.toThrow()
  })

  test('a grantee who changed the password, or prepared to, has nothing left after rotation', async () => {
    const grant = freshGrant()
    const inside = await lab.login(await checkedOut(grant))
    await inside.query(`alter role ${account} password 'mine'`)
    await inside.query('begin')
    await inside.query(`alter role ${account} password 'mine again'`)
    await inside.query(`prepare transaction 'back door'`)
    turn(grant, 'ending')
    await connector.end(grant, lab.target)
    expect(await absent(grant)).toBe(true)
    await connector.rotate?.(account)
    for (const password of ['mine', 'mine again'])
      expect(await safeOpens(password)).toBe(false)
    expect(await safeOpens((await sealedSecret()) ?? '')).toBe(true)
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
    hold(grant)
    await expect(again.apply(await opening(grant))).rejects.toThrow('kill')
    held = []
    await again.close()
    expect(await safeOpens((await sealedSecret()) ?? '')).toBe(true)
    await connector.open()
    const probes = (await connector.rotate?.(account)) ?? []
    expect(probes.filter(({ probe }) => probe === 'old_secret')).toHaveLength(2)
    expect(isShown({ kind: 'rotated', probes })).toBe(true)
    expect(await safeOpens((await sealedSecret()) ?? '')).toBe(true)
  })

  test('an order that is late at the target checks nothing out', async () => {
    const grant = freshGrant()
    hold(grant)
    expect(await connector.apply(await opening(grant, 'ada', -1))).toMatchObject({
      kind: 'too_late',
    })
    expect(await connector.probePresent(grant, lab.target)).toBe(false)
    expect(await absent(grant)).toBe(true)
  })

  test('EN-26 a sealed account that is used without a grant is told', async () => {
    expect(await connector.strangers?.(lab.target)).toEqual([])
    const thief = await lab.login({
      ...address(),
      ...{ PGUSER: account, PGPASSWORD: 'from the safe' },
    })
    expect(await connector.strangers?.(lab.target)).toEqual([
      { what: 'sealed_account_used', object: account },
    ])
    await thief.end()
  })

  test.each([
    ['an account that the settings do not name', ['account:postgres']],
    ['an account beside a role', [...privileges, 'role:payments_repair']],
    ['what PostgreSQL does not know', ['acl:payments']],
  ])('%s is refused before anything is asked of the target', async (_, asked) => {
    const refused = connector.refuses?.({
      ...(await opening(freshGrant())),
      privileges: asked,
    })
    expect(refused).toMatch(/^(unknown|mixed)_privileges?$/)
  })
})

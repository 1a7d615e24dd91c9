import type { GrantId, Instant, PrincipalId } from '@halligan/core'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Connector, type Credential, type Opening, TargetTaken } from './port.ts'

/** What mallory does with a credential, at the target itself. */
export type GranteeSession = Readonly<{
  /** Whether the access is still there, as the grantee sees it. */
  hasAccess(): Promise<boolean>
  leave(): Promise<void>
}>

/** A real or simulated target that the suite may break. */
export type ConnectorHarness = Readonly<{
  target: string
  /** Two different privileges that the connector may confer. */
  privileges: readonly [string, string]
  /** A connector that is not open yet; each stands for one run of an enforcer's process. */
  connector(): Connector
  /** The target's own clock. */
  now(): Promise<Instant>
  /** Throws when the target does not let the credential in. */
  enter(credential: Credential): Promise<GranteeSession>
  /** Whether anybody has the privilege by a right that Halligan did not give. */
  standingRightWorks(): Promise<boolean>
  goDown(): Promise<void>
  comeBack(): Promise<void>
  /** Somebody removes what was made for the grant, around the connector. */
  removeByHand(grant: GrantId): Promise<void>
  /** The process of the enforcer dies: nothing is closed in an orderly way, the target notices. */
  crash(connector: Connector): Promise<void>
}>

let grants = 0

/** Ids of no other test. */
export function freshGrant(): GrantId {
  grants += 1
  const seed = BigInt(process.pid) * 1_000_000n + BigInt(grants)
  const digits = [...seed.toString(32)].map((digit) =>
    'abcdefghijklmnopqrstuvwxyz234567'.charAt(Number.parseInt(digit, 32)),
  )
  return `g-${digits.join('').padStart(26, 'a')}` as GrantId
}

/** What every connector owes the enforcer, whatever it connects to. */
export function describeConnector(name: string, harnessed: () => ConnectorHarness): void {
  describe(`${name}, as a connector`, () => {
    let harness: ConnectorHarness
    let connector: Connector
    beforeAll(() => {
      harness = harnessed()
    })
    beforeEach(async () => {
      connector = harness.connector()
      await connector.open()
    })
    afterEach(() => connector.close())

    const opening = async (
      grant: GrantId,
      secondsToApply = 60,
      privilege: 0 | 1 = 0,
    ): Promise<Opening> => {
      const now = await harness.now()
      return {
        grant,
        target: harness.target,
        requester: 'ada' as PrincipalId,
        privileges: [harness.privileges[privilege]],
        overlapKey: `${harness.target}/${harness.privileges[privilege]}`,
        applyBefore: (now + secondsToApply * 1000) as Instant,
        deadline: (now + 900_000) as Instant,
      }
    }
    const opened = async (grant: GrantId, privilege: 0 | 1 = 0): Promise<Credential> => {
      const applied = await connector.apply(await opening(grant, 60, privilege))
      if (applied.kind !== 'applied') throw new Error(applied.kind)
      return applied.credential
    }
    const showsAbsence = async (by: Connector, grant: GrantId): Promise<boolean> => {
      const probes = await by.probeAbsent(grant, harness.target)
      expect(probes.length).toBeGreaterThan(0)
      return probes.every(({ absent }) => absent)
    }
    const endAndProve = async (grant: GrantId) => {
      await connector.end(grant, harness.target)
      expect(await showsAbsence(connector, grant)).toBe(true)
      await connector.cleanup(grant, harness.target)
    }

    test('INV-11 a credential opens the target from apply on, and the probes say so', async () => {
      const grant = freshGrant()
      expect(await connector.probePresent(grant, harness.target)).toBe(false)
      const session = await harness.enter(await opened(grant))
      expect(await session.hasAccess()).toBe(true)
      expect(await connector.probePresent(grant, harness.target)).toBe(true)
      expect(await showsAbsence(connector, grant)).toBe(false)
      await session.leave()
      await endAndProve(grant)
      expect(await connector.probePresent(grant, harness.target)).toBe(false)
    })

    test('INV-9 C-04 an ending takes a session that is inside along with the credential', async () => {
      const grant = freshGrant()
      const credential = await opened(grant)
      const session = await harness.enter(credential)
      await connector.end(grant, harness.target)
      expect(await session.hasAccess()).toBe(false)
      await expect(harness.enter(credential)).rejects.toThrow()
      expect(await showsAbsence(connector, grant)).toBe(true)
      await connector.cleanup(grant, harness.target)
    })

    test('INV-11 an order that arrives late at the target changes nothing there', async () => {
      const grant = freshGrant()
      const late = await opening(grant, -1)
      const answer = await connector.apply(late)
      expect(answer).toMatchObject({ kind: 'too_late' })
      expect(answer.kind === 'too_late' && answer.targetNow).toBeGreaterThanOrEqual(
        late.applyBefore,
      )
      expect(await showsAbsence(connector, grant)).toBe(true)
    })

    test('INV-10 a late repetition ends what an earlier attempt had made', async () => {
      const grant = freshGrant()
      const credential = await opened(grant)
      expect((await connector.apply(await opening(grant, -1))).kind).toBe('too_late')
      await expect(harness.enter(credential)).rejects.toThrow()
      expect(await showsAbsence(connector, grant)).toBe(true)
      await connector.cleanup(grant, harness.target)
    })

    test('K-07 applying again after a crash replaces the credential of one identity', async () => {
      const grant = freshGrant()
      const lost = await opened(grant)
      await harness.crash(connector)
      connector = harness.connector()
      await connector.open()
      const before = await connector.standing(harness.target)
      expect(before.filter((id) => id === grant)).toEqual([grant])
      const session = await harness.enter(await opened(grant))
      expect(await session.hasAccess()).toBe(true)
      await expect(harness.enter(lost)).rejects.toThrow()
      expect(
        (await connector.standing(harness.target)).filter((id) => id === grant),
      ).toEqual([grant])
      await session.leave()
      await endAndProve(grant)
    })

    test('K-11 EN-11 ending again, by a restarted enforcer or for nothing, succeeds', async () => {
      const grant = freshGrant()
      await opened(grant)
      await connector.end(grant, harness.target)
      await harness.crash(connector)
      connector = harness.connector()
      await connector.open()
      await endAndProve(grant)
      await endAndProve(grant)
      await endAndProve(freshGrant())
    })

    test('C-05 ending succeeds when somebody has removed the access by hand', async () => {
      const grant = freshGrant()
      const session = await harness.enter(await opened(grant))
      await harness.removeByHand(grant)
      await endAndProve(grant)
      expect(await session.hasAccess()).toBe(false)
    })

    test('C-01 INV-9 a target that is down at the end is ended when it is back', async () => {
      const grant = freshGrant()
      const credential = await opened(grant)
      await harness.goDown()
      try {
        await expect(connector.end(grant, harness.target)).rejects.toThrow()
        await expect(connector.probeAbsent(grant, harness.target)).rejects.toThrow()
      } finally {
        await harness.comeBack()
      }
      await (await harness.enter(credential)).leave()
      await endAndProve(grant)
      await expect(harness.enter(credential)).rejects.toThrow()
    })

    test('INV-11 a target that was away is opened again only under its lock', async () => {
      await harness.goDown()
      await harness.comeBack()
      const rival = harness.connector()
      await rival.open()
      await expect(opening(freshGrant()).then((it) => connector.apply(it))).rejects.toThrow(
        TargetTaken,
      )
      await rival.close()
      const grant = freshGrant()
      await opened(grant)
      await endAndProve(grant)
    })

    test('EN-17 ending one of two overlapping grants leaves the other and standing rights', async () => {
      const [first, second] = [freshGrant(), freshGrant()]
      const leaving = await harness.enter(await opened(first))
      const staying = await harness.enter(await opened(second))
      await endAndProve(first)
      expect(await leaving.hasAccess()).toBe(false)
      expect(await staying.hasAccess()).toBe(true)
      expect(await harness.standingRightWorks()).toBe(true)
      await staying.leave()
      await endAndProve(second)
      expect(await harness.standingRightWorks()).toBe(true)
    })

    test('a new credential replaces the old one and keeps the grant', async () => {
      const grant = freshGrant()
      const old = await opened(grant)
      const session = await harness.enter(await connector.reseal(grant, harness.target))
      expect(await session.hasAccess()).toBe(true)
      await expect(harness.enter(old)).rejects.toThrow()
      await session.leave()
      await endAndProve(grant)
    })

    test('INV-8 no new credential is made for a grant that has ended', async () => {
      const grant = freshGrant()
      await opened(grant)
      await connector.end(grant, harness.target)
      await expect(connector.reseal(grant, harness.target)).rejects.toThrow()
      await endAndProve(grant)
    })

    test('EN-26 what stands at the target is told, whoever made it known', async () => {
      const grant = freshGrant()
      await opened(grant)
      const stranger = harness.connector()
      expect(await stranger.standing(harness.target)).toContain(grant)
      await endAndProve(grant)
      expect(await stranger.standing(harness.target)).not.toContain(grant)
    })

    test('one enforcer holds a target; another is refused until it lets go', async () => {
      const rival = harness.connector()
      await expect(rival.open()).rejects.toThrow(TargetTaken)
      await connector.close()
      await rival.open()
      await rival.close()
      await connector.open()
    })

    test('a whole grant leaves no difference behind', async () => {
      const grant = freshGrant()
      const before = await connector.snapshot(harness.target)
      await (await harness.enter(await opened(grant, 1))).leave()
      await connector.end(grant, harness.target)
      const absent = await connector.snapshot(harness.target)
      expect(connector.difference(before, absent, grant)).toEqual([])
      await endAndProve(grant)
      expect(await connector.snapshot(harness.target)).toBe(before)
    })
  })
}

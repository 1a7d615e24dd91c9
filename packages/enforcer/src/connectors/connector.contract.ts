import type { GrantId, Instant, PrincipalId } from '@halligan/core'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type EnforcerBooks, enforcerBooks, type Lent } from '../../test/enforcer-books.ts'
import { type Connector, type Credential, type Opening, TargetTaken } from './port.ts'

/** What mallory does with a credential, at the target itself. */
export type GranteeSession = Readonly<{
  /** Whether the access is still there, as the grantee sees it. */
  hasAccess(): Promise<boolean>
  leave(): Promise<void>
}>

/** The first privilege on ada's account, given and taken by somebody at the target, around the connector. */
export type CountedRights = Readonly<{
  giveByHand(): Promise<void>
  takeByHand(): Promise<void>
}>

/** A real or simulated target that the suite may break. */
export type ConnectorHarness = Readonly<{
  target: string
  /** Two different privileges that the connector may confer. */
  privileges: readonly [string, string]
  /**
   * A connector that is not open yet; each stands for one run of an enforcer's process. What it is lent outlives them all,
   * as the enforcer's disk does.
   */
  connector(lent: Lent): Connector
  /** The target's own clock. */
  now(): Promise<Instant>
  /** Throws when the target does not let the credential in, or lets it in without the access. */
  enter(credential: Credential): Promise<GranteeSession>
  /**
   * For a connector that confers counted rights on accounts that people have there already: ada and bob, who have none of
   * the privileges. Its credential holds no secret; `enter` then acts as the account that the credential names.
   */
  counted?: CountedRights
  /** Whether anybody has the privilege by a right that Halligan did not give. */
  standingRightWorks(): Promise<boolean>
  goDown(): Promise<void>
  comeBack(): Promise<void>
  /** Somebody removes what was made for the grant, around the connector. */
  removeByHand(grant: GrantId): Promise<void>
  /** The process of the enforcer dies: nothing is closed in an orderly way, the target notices. */
  crash(connector: Connector): Promise<void>
}>

type Asked = Readonly<{ privilege?: 0 | 1; requester?: 'ada' | 'bob' }>

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
    let books: EnforcerBooks
    beforeAll(() => {
      harness = harnessed()
    })
    beforeEach(async () => {
      books = enforcerBooks()
      connector = harness.connector(books)
      await connector.open()
    })
    afterEach(() => connector.close())

    const opening = async (
      grant: GrantId,
      secondsToApply = 60,
      { privilege = 0, requester = 'ada' }: Asked = {},
    ): Promise<Opening> => {
      const now = await harness.now()
      return {
        grant,
        target: harness.target,
        requester: requester as PrincipalId,
        privileges: [harness.privileges[privilege]],
        overlapKey: `${harness.target}/${harness.privileges[privilege]}`,
        applyBefore: (now + secondsToApply * 1000) as Instant,
        deadline: (now + 900_000) as Instant,
      }
    }
    const apply = async (opening: Opening) => {
      books.keep({ ...opening, phase: 'standing' })
      return connector.apply(opening)
    }
    const opened = async (grant: GrantId, asked: Asked = {}): Promise<Credential> => {
      const applied = await apply(await opening(grant, 60, asked))
      if (applied.kind !== 'applied') throw new Error(applied.kind)
      return applied.credential
    }
    const end = (grant: GrantId) => {
      books.become(grant, 'ending')
      return connector.end(grant, harness.target)
    }
    const showsAbsence = async (by: Connector, grant: GrantId): Promise<boolean> => {
      const probes = await by.probeAbsent(grant, harness.target)
      expect(probes.length).toBeGreaterThan(0)
      return probes.every(({ absent }) => absent)
    }
    const proveAndClean = async (grant: GrantId) => {
      expect(await showsAbsence(connector, grant)).toBe(true)
      books.shelf.drop(grant, harness.target)
      books.become(grant, 'closing')
      await connector.cleanup(grant, harness.target)
      books.forget(grant)
    }
    const endAndProve = async (grant: GrantId) => {
      await end(grant)
      await proveAndClean(grant)
    }
    const restart = async () => {
      await harness.crash(connector)
      connector = harness.connector(books)
      await connector.open()
    }
    /** Where the connector makes secrets, one that was replaced opens nothing. */
    const isReplaced = async (old: Credential) => {
      if (harness.counted === undefined) await expect(harness.enter(old)).rejects.toThrow()
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
      await end(grant)
      expect(await session.hasAccess()).toBe(false)
      await expect(harness.enter(credential)).rejects.toThrow()
      await proveAndClean(grant)
    })

    test('INV-11 an order that arrives late at the target changes nothing there', async () => {
      const grant = freshGrant()
      const late = await opening(grant, -1)
      const answer = await apply(late)
      expect(answer).toMatchObject({ kind: 'too_late' })
      expect(answer.kind === 'too_late' && answer.targetNow).toBeGreaterThanOrEqual(
        late.applyBefore,
      )
      expect(await showsAbsence(connector, grant)).toBe(true)
    })

    test('INV-10 a late repetition ends what an earlier attempt had made', async () => {
      const grant = freshGrant()
      const credential = await opened(grant)
      expect((await apply(await opening(grant, -1))).kind).toBe('too_late')
      await expect(harness.enter(credential)).rejects.toThrow()
      expect(await showsAbsence(connector, grant)).toBe(true)
      await endAndProve(grant)
    })

    test('K-07 applying again after a crash replaces the credential of one identity', async () => {
      const grant = freshGrant()
      const lost = await opened(grant)
      await restart()
      const before = await connector.standing(harness.target)
      expect(before.filter((id) => id === grant)).toEqual([grant])
      const session = await harness.enter(await opened(grant))
      expect(await session.hasAccess()).toBe(true)
      await isReplaced(lost)
      expect(
        (await connector.standing(harness.target)).filter((id) => id === grant),
      ).toEqual([grant])
      await session.leave()
      await endAndProve(grant)
    })

    test('K-11 EN-11 ending again, by a restarted enforcer or for nothing, succeeds', async () => {
      const grant = freshGrant()
      await opened(grant)
      await end(grant)
      await restart()
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
        await expect(end(grant)).rejects.toThrow()
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
      const rival = harness.connector(books)
      await rival.open()
      const refused = freshGrant()
      await expect(opened(refused)).rejects.toThrow(TargetTaken)
      await rival.close()
      const grant = freshGrant()
      await opened(grant)
      await endAndProve(refused)
      await endAndProve(grant)
    })

    test('EN-17 ending one of two overlapping grants leaves the other and standing rights', async () => {
      const [first, second] = [freshGrant(), freshGrant()]
      const leaving = await harness.enter(await opened(first))
      const staying = await harness.enter(await opened(second, { requester: 'bob' }))
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
      await isReplaced(old)
      await session.leave()
      await endAndProve(grant)
    })

    test('INV-8 no new credential is made for a grant that has ended', async () => {
      const grant = freshGrant()
      await opened(grant)
      await end(grant)
      await expect(connector.reseal(grant, harness.target)).rejects.toThrow()
      await endAndProve(grant)
    })

    test('EN-26 what stands at the target is told, whoever made it known', async () => {
      const grant = freshGrant()
      await opened(grant)
      const stranger = harness.connector(books)
      expect(await stranger.standing(harness.target)).toContain(grant)
      await endAndProve(grant)
      expect(await stranger.standing(harness.target)).not.toContain(grant)
    })

    test('one enforcer holds a target; another is refused until it lets go', async () => {
      const rival = harness.connector(books)
      await expect(rival.open()).rejects.toThrow(TargetTaken)
      await connector.close()
      await rival.open()
      await rival.close()
      await connector.open()
    })

    test('a whole grant leaves no difference behind', async () => {
      const grant = freshGrant()
      const before = await connector.snapshot(harness.target)
      await (await harness.enter(await opened(grant, { privilege: 1 }))).leave()
      await end(grant)
      const absent = await connector.snapshot(harness.target)
      expect(connector.difference(before, absent, grant)).toEqual([])
      await endAndProve(grant)
      expect(await connector.snapshot(harness.target)).toBe(before)
    })

    const countedTest = (
      name: string,
      run: (counted: CountedRights) => Promise<void>,
    ): void => {
      test(name, async (context) => {
        if (harness.counted === undefined)
          return context.skip('each grant has an account of its own here')
        await run(harness.counted)
      })
    }

    countedTest('EN-17 a right is taken when the last of its grants ends', async () => {
      const [first, second] = [freshGrant(), freshGrant()]
      const session = await harness.enter(await opened(first))
      await opened(second)
      await endAndProve(first)
      expect(await session.hasAccess()).toBe(true)
      expect(await connector.probePresent(second, harness.target)).toBe(true)
      await restart()
      await end(second)
      expect(await session.hasAccess()).toBe(false)
      await proveAndClean(second)
    })

    countedTest(
      'EN-17 a right that somebody had before stays when the grants end',
      async ({ giveByHand, takeByHand }) => {
        await giveByHand()
        const [first, second] = [freshGrant(), freshGrant()]
        const session = await harness.enter(await opened(first))
        await opened(second)
        await restart()
        await opened(first)
        for (const grant of [first, second]) {
          await endAndProve(grant)
          expect(await session.hasAccess()).toBe(true)
        }
        await takeByHand()
        expect(await session.hasAccess()).toBe(false)
        await session.leave()
      },
    )

    countedTest(
      'EN-17 a right that was taken by hand and granted again is not called older',
      async ({ giveByHand, takeByHand }) => {
        await giveByHand()
        const [first, second] = [freshGrant(), freshGrant()]
        await opened(first)
        await takeByHand()
        const session = await harness.enter(await opened(second))
        await endAndProve(second)
        expect(await session.hasAccess()).toBe(true)
        await endAndProve(first)
        expect(await session.hasAccess()).toBe(false)
        await session.leave()
      },
    )

    countedTest('an extension has no gap', async () => {
      const [first, second] = [freshGrant(), freshGrant()]
      const session = await harness.enter(await opened(first))
      await opened(second)
      const ending = endAndProve(first)
      let isOver = false
      const over = ending.finally(() => {
        isOver = true
      })
      while (!isOver) expect(await session.hasAccess()).toBe(true)
      await over
      await session.leave()
      await endAndProve(second)
    })

    countedTest('an ending takes nothing that is granted meanwhile', async () => {
      const [first, second] = [freshGrant(), freshGrant()]
      await opened(first)
      const [credential] = await Promise.all([opened(second), end(first)])
      const session = await harness.enter(credential)
      expect(await session.hasAccess()).toBe(true)
      await proveAndClean(first)
      await endAndProve(second)
      expect(await session.hasAccess()).toBe(false)
    })
  })
}

import { describe, expect, test } from 'vitest'
import { type ConnectorHarness, connectorCase } from '../../test/connector-case.ts'
import { freshGrant } from '../../test/fresh-grant.ts'

/** The first privilege on ada's account, given and taken by somebody at the target, around the connector. */
export type CountedRights = Readonly<{
  giveByHand(): Promise<void>
  takeByHand(): Promise<void>
}>

/**
 * Of a connector that confers rights on accounts that people have there already: ada and bob, who have none of the
 * privileges. Its credential holds no secret; `enter` then acts as the account that the credential names.
 */
export type CountedHarness = ConnectorHarness & Readonly<{ counted: CountedRights }>

/** What such a connector owes beside all that every connector does (EN-17): it takes what its grants gave, and no more. */
export function describeCountedRights(name: string, harnessed: () => CountedHarness): void {
  describe(`${name}, as a right that is counted`, () => {
    const of = connectorCase(harnessed)
    const { harness, connector, opened, end, proveAndClean, endAndProve, restart } = of

    test('EN-17 a right is taken when the last of its grants ends', async () => {
      const [first, second] = [freshGrant(), freshGrant()]
      const session = await harness().enter(await opened(first))
      await opened(second)
      await endAndProve(first)
      expect(await session.hasAccess()).toBe(true)
      expect(await connector().probePresent(second, harness().target)).toBe(true)
      await restart()
      await end(second)
      expect(await session.hasAccess()).toBe(false)
      await proveAndClean(second)
    })

    test('EN-17 a right that somebody had before stays when the grants end', async () => {
      const { giveByHand, takeByHand } = harness().counted
      await giveByHand()
      const [first, second] = [freshGrant(), freshGrant()]
      const session = await harness().enter(await opened(first))
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
    })

    test('EN-17 a right that was taken by hand and granted again is not called older', async () => {
      const { giveByHand, takeByHand } = harness().counted
      await giveByHand()
      const [first, second] = [freshGrant(), freshGrant()]
      await opened(first)
      await takeByHand()
      const session = await harness().enter(await opened(second))
      await endAndProve(second)
      expect(await session.hasAccess()).toBe(true)
      await endAndProve(first)
      expect(await session.hasAccess()).toBe(false)
      await session.leave()
    })

    test('EN-17 an extension has no gap', async () => {
      const [first, second] = [freshGrant(), freshGrant()]
      const session = await harness().enter(await opened(first))
      await opened(second)
      let isOver = false
      const ending = endAndProve(first).finally(() => {
        isOver = true
      })
      const looks: boolean[] = []
      while (!isOver) looks.push(await session.hasAccess())
      await ending
      expect(looks).not.toContain(false)
      await session.leave()
      await endAndProve(second)
    })

    test('EN-17 an ending takes nothing that is granted meanwhile', async () => {
      const [first, second] = [freshGrant(), freshGrant()]
      await opened(first)
      const [credential] = await Promise.all([opened(second), end(first)])
      const session = await harness().enter(credential)
      expect(await session.hasAccess()).toBe(true)
      await proveAndClean(first)
      await endAndProve(second)
      expect(await session.hasAccess()).toBe(false)
    })
  })
}

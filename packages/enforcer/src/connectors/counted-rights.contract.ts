import { describe, expect, test } from 'vitest'
import { type ConnectorHarness, connectorCase } from '../../test/connector-case.ts'
import { damagedNotes } from '../../test/enforcer-books.ts'
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
    const { harness, books, connector, opened, end, proveAndClean, endAndProve, restart } =
      of

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

    test.for(damagedNotes)(
      'EN-17 a note that %s leaves the right to another grant, and takes it with the last',
      async ([, damaged]) => {
        const { target } = harness()
        for (const [unread, at] of [
          [0, 0],
          [1, 0],
          [1, 1],
        ] as const) {
          const grants = [freshGrant(), freshGrant()] as const
          const session = await harness().enter(await opened(grants[0]))
          await opened(grants[1])
          books().shelf.put(grants[unread], target, damaged)
          const [first, last] = at === 0 ? grants : [grants[1], grants[0]]
          await endAndProve(first)
          expect(await session.hasAccess()).toBe(true)
          expect(await connector().probePresent(last, target)).toBe(true)
          await end(last)
          expect(await session.hasAccess()).toBe(false)
          await proveAndClean(last)
        }
      },
    )

    test('EN-17 beside a note that cannot be read no right is called older', async () => {
      const [first, second] = [freshGrant(), freshGrant()]
      await opened(first)
      books().shelf.put(first, harness().target, 'nothing of ours')
      // Where the right is one and the same, it is refused until the first has ended.
      await opened(second).catch((error: Error) =>
        expect(error.message).toContain(`enforcer end ${first}`),
      )
      await endAndProve(first)
      const session = await harness().enter(await opened(second))
      await end(second)
      expect(await session.hasAccess()).toBe(false)
      await proveAndClean(second)
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

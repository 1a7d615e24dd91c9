import { describe, expect, test } from 'vitest'
import { type ConnectorHarness, connectorCase } from '../../test/connector-case.ts'
import { damagedNotes } from '../../test/enforcer-books.ts'
import { freshGrant } from '../../test/fresh-grant.ts'
import type { CountedHarness } from './counted-rights.contract.ts'
import { type Credential, TargetTaken } from './port.ts'

/** What every connector owes the enforcer, whatever it connects to. */
export function describeConnector(
  name: string,
  harnessed: () => ConnectorHarness | CountedHarness,
): void {
  describe(`${name}, as a connector`, () => {
    const of = connectorCase(harnessed)
    const { harness, books, connector, opening, apply, opened } = of
    const { end, showsAbsence, proveAndClean, endAndProve, restart } = of
    /** Where the connector makes secrets, one that was replaced opens nothing. Where rights are counted it makes none. */
    const isReplaced = async (old: Credential) => {
      if (!('counted' in harness())) await expect(harness().enter(old)).rejects.toThrow()
    }

    test('INV-11 a credential opens the target from apply on, and the probes say so', async () => {
      const grant = freshGrant()
      expect(await connector().probePresent(grant, harness().target)).toBe(false)
      const session = await harness().enter(await opened(grant))
      expect(await session.hasAccess()).toBe(true)
      expect(await connector().probePresent(grant, harness().target)).toBe(true)
      expect(await showsAbsence(grant)).toBe(false)
      await session.leave()
      await endAndProve(grant)
      expect(await connector().probePresent(grant, harness().target)).toBe(false)
    })

    test('INV-9 C-04 an ending takes a session that is inside along with the credential', async () => {
      const grant = freshGrant()
      const credential = await opened(grant)
      const session = await harness().enter(credential)
      await end(grant)
      expect(await session.hasAccess()).toBe(false)
      await expect(harness().enter(credential)).rejects.toThrow()
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
      expect(await showsAbsence(grant)).toBe(true)
    })

    test('INV-10 a late repetition ends what an earlier attempt had made', async () => {
      const grant = freshGrant()
      const credential = await opened(grant)
      expect((await apply(await opening(grant, -1))).kind).toBe('too_late')
      await expect(harness().enter(credential)).rejects.toThrow()
      expect(await showsAbsence(grant)).toBe(true)
      await endAndProve(grant)
    })

    test('K-07 applying again after a crash replaces the credential of one identity', async () => {
      const grant = freshGrant()
      const lost = await opened(grant)
      await restart()
      const before = await connector().standing(harness().target)
      expect(before.filter((id) => id === grant)).toEqual([grant])
      const session = await harness().enter(await opened(grant))
      expect(await session.hasAccess()).toBe(true)
      await isReplaced(lost)
      expect(
        (await connector().standing(harness().target)).filter((id) => id === grant),
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

    test.for(damagedNotes)(
      'INV-10 a note that %s keeps no grant from its end, and nothing is made on it',
      async ([, damaged]) => {
        const { target } = harness()
        const grant = freshGrant()
        const asked = await opening(grant)
        const credential = await opened(grant)
        const isNoted = books().shelf.get(grant, target) !== null
        books().shelf.put(grant, target, damaged)
        await restart()
        // A connector that notes nothing reads nothing.
        if (!isNoted) return endAndProve(grant)
        expect(await connector().unreadable?.(target)).toEqual([grant])
        expect(await connector().probePresent(grant, target)).toBe(true)
        expect(await connector().standing(target)).toContain(grant)
        const whatToDo = `enforcer end ${grant}`
        await expect(connector().apply(asked)).rejects.toThrow(whatToDo)
        await expect(connector().reseal(grant, target)).rejects.toThrow(whatToDo)
        const session = await harness().enter(credential)
        expect(await showsAbsence(grant)).toBe(false)
        await end(grant)
        expect(await session.hasAccess()).toBe(false)
        await expect(harness().enter(credential)).rejects.toThrow()
        expect(await connector().probeAbsent(grant, target)).toContainEqual(
          expect.objectContaining({ probe: 'without_note', absent: true }),
        )
        await proveAndClean(grant)
        expect(await connector().unreadable?.(target)).toEqual([])
      },
    )

    test('C-05 ending succeeds when somebody has removed the access by hand', async () => {
      const grant = freshGrant()
      const session = await harness().enter(await opened(grant))
      await harness().removeByHand(grant)
      await endAndProve(grant)
      expect(await session.hasAccess()).toBe(false)
    })

    test('C-01 INV-9 a target that is down at the end is ended when it is back', async () => {
      const grant = freshGrant()
      const credential = await opened(grant)
      await harness().goDown()
      try {
        await expect(end(grant)).rejects.toThrow()
        await expect(connector().probeAbsent(grant, harness().target)).rejects.toThrow()
      } finally {
        await harness().comeBack()
      }
      await (await harness().enter(credential)).leave()
      await endAndProve(grant)
      await expect(harness().enter(credential)).rejects.toThrow()
    })

    test('INV-11 a target that was away is opened again only under its lock', async () => {
      await harness().goDown()
      await harness().comeBack()
      const rival = harness().connector(books())
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
      const leaving = await harness().enter(await opened(first))
      const staying = await harness().enter(await opened(second, { requester: 'bob' }))
      await endAndProve(first)
      expect(await leaving.hasAccess()).toBe(false)
      expect(await staying.hasAccess()).toBe(true)
      expect(await harness().standingRightWorks()).toBe(true)
      await staying.leave()
      await endAndProve(second)
      expect(await harness().standingRightWorks()).toBe(true)
    })

    test('a new credential replaces the old one and keeps the grant', async () => {
      const grant = freshGrant()
      const old = await opened(grant)
      const session = await harness().enter(
        await connector().reseal(grant, harness().target),
      )
      expect(await session.hasAccess()).toBe(true)
      await isReplaced(old)
      await session.leave()
      await endAndProve(grant)
    })

    test('INV-8 no new credential is made for a grant that has ended', async () => {
      const grant = freshGrant()
      await opened(grant)
      await end(grant)
      await expect(connector().reseal(grant, harness().target)).rejects.toThrow()
      await endAndProve(grant)
    })

    test('EN-26 what stands at the target is told, whoever made it known', async () => {
      const grant = freshGrant()
      await opened(grant)
      const stranger = harness().connector(books())
      expect(await stranger.standing(harness().target)).toContain(grant)
      await endAndProve(grant)
      expect(await stranger.standing(harness().target)).not.toContain(grant)
    })

    test('one enforcer holds a target; another is refused until it lets go', async () => {
      const rival = harness().connector(books())
      await expect(rival.open()).rejects.toThrow(TargetTaken)
      await connector().close()
      await rival.open()
      await rival.close()
      await connector().open()
    })

    test('a whole grant leaves no difference behind', async () => {
      const grant = freshGrant()
      const before = await connector().snapshot(harness().target)
      await (await harness().enter(await opened(grant, { privilege: 1 }))).leave()
      await end(grant)
      const absent = await connector().snapshot(harness().target)
      expect(connector().difference(before, absent, grant)).toEqual([])
      await endAndProve(grant)
      expect(await connector().snapshot(harness().target)).toBe(before)
    })
  })
}

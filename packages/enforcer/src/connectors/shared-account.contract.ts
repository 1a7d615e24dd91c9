import type { GrantId } from '@halligan/core'
import { describe, expect, test } from 'vitest'
import { damagedNotes } from '../../test/enforcer-books.ts'
import { freshGrant } from '../../test/fresh-grant.ts'
import {
  type SharedAccountHarness,
  sharedAccountLab,
} from '../../test/shared-account-lab.ts'
import type { Held } from './port.ts'

/** What every connector with shared accounts owes whoever keeps them, whatever it connects to. */
export function describeSharedAccount(
  name: string,
  harnessed: () => SharedAccountHarness,
): void {
  describe(`${name}, with a shared account`, () => {
    const lab = sharedAccountLab(harnessed)
    const { at, target, privilege, rotate, seal, secrets, sealed, opens } = lab
    const { opening, accepted, checkOut, end, present, proveAbsent, cleanUp } = lab
    const { finish, refusal, killedWhile, reboot, damageVault, emptyVault } = lab

    test('EN-20 is sealed: the vault opens it, whatever opened it before does not', async () => {
      await at.harness.setByHand('theirs')
      const theirs = at.harness.credential('theirs')
      const inside = await at.harness.enter(theirs)
      await seal()
      expect(await inside.hasAccess()).toBe(false)
      expect(await opens(theirs)).toBe(false)
      const first = await sealed()
      expect(await opens(first)).toBe(true)
      await seal()
      expect(await opens(first)).toBe(false)
      expect(await opens(await sealed())).toBe(true)
    })

    test('INV-9 a check-out is open until its end, and what was handed out opens nothing after', async () => {
      const grant = freshGrant()
      const before = await at.connector.snapshot(target())
      const old = await sealed()
      const credential = await checkOut(grant)
      expect(Object.values(credential)).toContain(at.harness.account)
      const session = await at.harness.enter(credential)
      expect(await opens(old)).toBe(false)
      expect(await at.connector.probePresent(grant, target())).toBe(true)
      expect(await at.connector.standing(target())).toContain(grant)
      expect(await present(grant)).not.toEqual([])
      await end(grant)
      expect(await session.hasAccess()).toBe(false)
      expect(await opens(credential)).toBe(false)
      expect(await at.connector.probePresent(grant, target())).toBe(false)
      expect(await at.connector.standing(target())).not.toContain(grant)
      await proveAbsent(grant)
      await seal()
      expect(await present(grant)).toEqual([])
      expect(await opens(credential)).toBe(false)
      expect(await opens(await sealed())).toBe(true)
      const after = await at.connector.snapshot(target())
      expect(at.connector.difference(before, after, grant)).toEqual([])
      await seal()
      await cleanUp(grant)
    })

    test.for(damagedNotes)(
      'INV-10 a note that %s keeps no check-out from its end, nor the account from its rotation',
      async ([, damaged]) => {
        const [grant, extension] = [freshGrant(), freshGrant()]
        const credential = await checkOut(grant)
        const isNoted = at.books.shelf.get(grant, target()) !== null
        if (isNoted) {
          at.books.shelf.put(grant, target(), damaged)
          await reboot()
          expect(await at.connector.unreadable?.(target())).toEqual([grant])
          expect(await at.connector.standing(target())).toEqual([grant])
          const whatToDo = `enforcer end ${grant}`
          await expect(checkOut(grant)).rejects.toThrow(whatToDo)
          await expect(at.connector.reseal(grant, target())).rejects.toThrow(whatToDo)
        }
        const session = await at.harness.enter(credential)
        expect(await checkOut(extension)).toEqual(credential)
        await end(extension)
        expect(await session.hasAccess()).toBe(true)
        expect(await present(grant)).not.toEqual([])
        await end(grant)
        expect(await session.hasAccess()).toBe(false)
        expect(await opens(credential)).toBe(false)
        await finish(extension, grant)
        expect(await opens(await sealed())).toBe(true)
      },
    )

    test('K-11 ending once more, after it was sealed again, does not lock it', async () => {
      const grant = freshGrant()
      await checkOut(grant)
      await end(grant)
      await proveAbsent(grant)
      await seal()
      await at.connector.end(grant, target())
      expect(await opens(await sealed())).toBe(true)
      await cleanUp(grant)
      await at.connector.end(grant, target())
      expect(await opens(await sealed())).toBe(true)
    })

    test('EN-17 one requester’s grants overlap without a gap, and the last one locks', async () => {
      const [first, second] = [freshGrant(), freshGrant()]
      const credential = await checkOut(first)
      const session = await at.harness.enter(credential)
      expect(await checkOut(second)).toEqual(credential)
      expect(await session.hasAccess()).toBe(true)
      await end(first)
      expect(await session.hasAccess()).toBe(true)
      const probes = await at.connector.probeAbsent(first, target())
      expect(probes.every(({ absent }) => absent)).toBe(true)
      expect(await at.connector.probePresent(second, target())).toBe(true)
      await proveAbsent(first)
      await end(second)
      expect(await session.hasAccess()).toBe(false)
      expect(await opens(credential)).toBe(false)
      await finish(second)
      await cleanUp(first)
    })

    test('EN-17 of two grants that overlap only the one that stands is told of as such', async () => {
      const [first, second] = [freshGrant(), freshGrant()]
      await checkOut(first)
      await checkOut(second)
      for (const grant of [first, second]) {
        expect(await present(grant)).not.toEqual([])
        expect(await at.connector.probePresent(grant, target())).toBe(true)
      }
      expect((await at.connector.standing(target())).toSorted()).toEqual(
        [first, second].toSorted(),
      )
      await end(first)
      expect(await present(first)).toEqual([])
      expect(await present(second)).not.toEqual([])
      expect(await at.connector.probePresent(first, target())).toBe(false)
      expect(await at.connector.standing(target())).toEqual([second])
      await end(second)
      await finish(first, second)
    })

    test('INV-10 what is to end and has not ended yet is told of as standing', async () => {
      const grant = freshGrant()
      await checkOut(grant)
      at.books.become(grant, 'ending')
      expect(await at.connector.standing(target())).toEqual([grant])
      await end(grant)
      expect(await at.connector.standing(target())).toEqual([])
      await finish(grant)
    })

    test('EN-17 a credential made anew for one of two grants leaves neither open at the end', async () => {
      const [first, second] = [freshGrant(), freshGrant()]
      const old = await checkOut(first)
      await checkOut(second)
      const resealed = await at.connector.reseal(first, target())
      expect(await opens(old)).toBe(false)
      await end(first)
      await end(second)
      expect(await opens(resealed)).toBe(false)
      await finish(first, second)
    })

    test('INV-8 no credential is made anew for a grant that ended, though another stands', async () => {
      const [first, second] = [freshGrant(), freshGrant()]
      await checkOut(first)
      const credential = await checkOut(second)
      for (const phase of ['ending', 'closing'] as const) {
        at.books.become(first, phase)
        if (phase === 'ending') await at.connector.end(first, target())
        await expect(at.connector.reseal(first, target())).rejects.toThrow()
        expect(await opens(credential)).toBe(true)
      }
      await end(second)
      await finish(first, second)
    })

    test('EN-17 an extension that was accepted is applied, though the first grant ends meanwhile', async () => {
      const [first, second] = [freshGrant(), freshGrant()]
      await checkOut(first)
      await accepted(second)
      for (const phase of ['ending', 'closing'] as const) {
        await end(first)
        at.books.become(first, phase)
        const session = await at.harness.enter(await checkOut(second))
        expect(await present(first)).toEqual([])
        expect(await session.hasAccess()).toBe(true)
        await session.leave()
      }
      await end(second)
      await finish(second)
      await cleanUp(first)
    })

    test('is one requester’s until that grant is all done', async () => {
      const grant = freshGrant()
      await checkOut(grant)
      expect(await refusal('ada')).toBeNull()
      expect(await refusal('bob')).toBe('account_in_use')
      await end(grant)
      for (const phase of ['ending', 'closing'] as const) {
        at.books.become(grant, phase)
        expect(await refusal('bob')).toBe('account_in_use')
        expect(await refusal('ada')).toBe('account_in_use')
      }
      await finish(grant)
      expect(await refusal('bob')).toBeNull()
      expect(at.connector.sharedAccount?.([privilege()])).toBe(at.harness.account)
      expect(at.connector.sharedAccount?.([at.harness.ownPrivilege])).toBeNull()
      expect(at.connector.accounts?.()).toEqual([at.harness.account])
    })

    test.each<[string, string, (own: string) => readonly string[]]>([
      ['one that the settings do not list', 'unknown_privilege', () => ['account:root']],
      ['it beside another privilege', 'mixed_privileges', (own) => [privilege(), own]],
      ['another privilege beside it', 'mixed_privileges', (own) => [own, privilege()]],
    ])('%s is %s, asked before and when applied', async (_, code, asked) => {
      const privileges = asked(at.harness.ownPrivilege)
      expect(await refusal('ada', ...privileges)).toBe(code)
      const applying = { ...(await opening(freshGrant())), privileges }
      at.books.keep({ ...applying, phase: 'standing' })
      await expect(at.connector.apply(applying)).rejects.toThrow(code)
      expect(await opens(await sealed())).toBe(true)
    })

    test('nobody is let in beside somebody else, whatever the enforcer accepted', async () => {
      const [grant, other] = [freshGrant(), freshGrant()]
      const credential = await checkOut(grant)
      const asked = await opening(other, 'bob')
      at.books.keep({ ...asked, phase: 'standing' })
      await expect(at.connector.apply(asked)).rejects.toThrow('account_in_use')
      expect(await opens(credential)).toBe(true)
      at.books.forget(other)
      await end(grant)
      await finish(grant)
    })

    test.each<Held['phase']>(['standing', 'ending'])(
      'is not rotated under a grant that is %s',
      async (phase) => {
        const grant = freshGrant()
        const credential = await checkOut(grant)
        at.books.become(grant, phase)
        await expect(rotate()).rejects.toThrow(grant)
        expect(await opens(credential)).toBe(true)
        await end(grant)
        await finish(grant)
      },
    )

    test('INV-10 too late ends what an earlier call had opened, and nothing that was sealed', async () => {
      const [never, grant] = [freshGrant(), freshGrant()]
      const late = async (of: GrantId) => at.connector.apply(await opening(of, 'ada', -1))
      await accepted(never)
      expect(await late(never)).toMatchObject({ kind: 'too_late' })
      expect(await opens(await sealed())).toBe(true)
      at.books.forget(never)
      const credential = await checkOut(grant)
      expect(await late(grant)).toMatchObject({ kind: 'too_late' })
      expect(await opens(credential)).toBe(false)
      await end(grant)
      await finish(grant)
    })

    test('EN-17 too late for an extension takes nothing from the grant that stands', async () => {
      const [first, second] = [freshGrant(), freshGrant()]
      const credential = await checkOut(first)
      await accepted(second)
      const late = await opening(second, 'ada', -1)
      expect(await at.connector.apply(late)).toMatchObject({ kind: 'too_late' })
      expect(await opens(credential)).toBe(true)
      for (const grant of [second, first]) await end(grant)
      await finish(first, second)
    })

    test('EN-26 use of it that no grant explains is told, before it is rotated as well', async (context) => {
      if (at.connector.strangers === undefined) return context.skip('it is not told here')
      const strangers = async () => (await at.connector.strangers?.(target())) ?? []
      expect(await strangers()).toEqual([])
      const used = {
        what: 'sealed_account_used',
        object: expect.stringContaining(at.harness.account),
      }
      const thief = await at.harness.enter(await sealed())
      expect(await strangers()).toEqual([used])
      await thief.leave()
      const grant = freshGrant()
      const session = await at.harness.enter(await checkOut(grant))
      expect(await strangers()).toEqual([])
      await session.leave()
      await end(grant)
      await proveAbsent(grant)
      await at.harness.setByHand('theirs')
      const again = await at.harness.enter(at.harness.credential('theirs'))
      expect(await strangers()).toContainEqual(used)
      await again.leave()
      await seal()
      await cleanUp(grant)
      expect(await strangers()).toEqual([])
    })

    test('no way back that was prepared while it was out opens anything after', async (context) => {
      const { plantWaysBack } = at.harness
      if (plantWaysBack === undefined) return context.skip('nobody can prepare one here')
      const grant = freshGrant()
      const credential = await checkOut(grant)
      const session = await at.harness.enter(credential)
      const ways = [...(await plantWaysBack(credential)), '']
      const areOpen = () =>
        Promise.all(ways.map((secret) => opens(at.harness.credential(secret))))
      await end(grant)
      expect(await session.hasAccess()).toBe(false)
      expect(await areOpen()).toEqual(ways.map(() => false))
      await finish(grant)
      expect(await areOpen()).toEqual(ways.map(() => false))
      expect(await opens(await sealed())).toBe(true)
    })

    test.each(['nothing proposed', 'proposed, and not set', 'set, and not confirmed'])(
      'K-07 an enforcer killed with a secret %s leaves one in the vault that works',
      async (when) => {
        await at.connector.close()
        await killedWhile(when)
        await at.connector.open()
        const { current, proposed } = await secrets()
        const works = await Promise.all(
          [current, proposed].map((secret) =>
            secret === null ? false : opens(at.harness.credential(secret)),
          ),
        )
        expect(works).toEqual([
          when !== 'set, and not confirmed',
          when === 'set, and not confirmed',
        ])
        expect(proposed === null).toBe(when === 'nothing proposed')
        await seal()
        expect((await secrets()).proposed).toBeNull()
        expect(await opens(await sealed())).toBe(true)
      },
    )

    test('K-07 a secret that a crash left unconfirmed is not lost to the next one', async (context) => {
      if (at.harness.triesNoSecret === true)
        return context.skip('the target says nothing of it')
      const grant = freshGrant()
      await checkOut(grant)
      const left = 'left-unconfirmed'
      await at.vault.propose(target(), at.harness.account, left)
      await at.harness.setByHand(left)
      await reboot((vault) => ({
        ...vault,
        propose: async (...of) => {
          await vault.propose(...of)
          throw new Error('killed')
        },
      }))
      await expect(at.connector.reseal(grant, target())).rejects.toThrow('killed')
      expect((await secrets()).current).toBe(left)
      await reboot()
      await end(grant)
      await finish(grant)
    })

    test('INV-18 a vault that cannot be read keeps nobody from the account or its end, and says what to do', async () => {
      const whatToDo = /the vault cannot read .*move it away/
      const grant = freshGrant()
      await damageVault()
      await expect(rotate()).rejects.toThrow(whatToDo)
      if (at.connector.strangers !== undefined)
        expect(await at.connector.strangers(target())).toEqual([
          { what: 'vault_unreadable', object: expect.stringMatching(whatToDo) },
        ])
      const session = await at.harness.enter(await checkOut(grant))
      expect(await opens(await sealed())).toBe(true)
      const isNoted = at.books.shelf.get(grant, target()) !== null
      await damageVault()
      await end(grant)
      expect(await session.hasAccess()).toBe(false)
      await proveAbsent(grant)
      if (!isNoted) {
        await expect(rotate()).rejects.toThrow(whatToDo)
        await emptyVault()
      }
      await seal()
      await cleanUp(grant)
      expect(await opens(await sealed())).toBe(true)
    })

    test('another run of the enforcer knows the secret that works, and rotates on', async () => {
      const old = await sealed()
      await reboot()
      expect(await sealed()).toEqual(old)
      expect(await opens(old)).toBe(true)
      await seal()
      expect(await opens(old)).toBe(false)
    })
  })
}

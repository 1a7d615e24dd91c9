import type { GrantId } from '@halligan/core'
import type { Held } from '../../../packages/enforcer/src/connectors/port.ts'
import { heldIn } from '../../../packages/enforcer/src/held.ts'
import type { Mutant } from '../bug.ts'
import { accountNamed } from '../estate.ts'
import { enforcerOf, targetNamed } from '../world.ts'
import { everyConnector, later, seenAs } from './bend.ts'

/** Of each grant on a shared account another one that never ends. */
const ghostsOf = (held: readonly Held[]): readonly Held[] =>
  held
    .filter(({ privileges }) => accountNamed(privileges) !== null)
    .map((one) => ({ ...one, grant: `${one.grant}-ghost` as GrantId, phase: 'standing' }))

export const mutantAccounts: readonly Mutant[] = [
  {
    invariant: 9,
    name: 'a count of who has a shared account never falls',
    faults: [],
    bug: {
      held:
        (held) =>
        (...of) => [...held(...of), ...ghostsOf(held(...of))],
    },
  },
  {
    invariant: 10,
    name: 'a vault is given a secret only once the target has it',
    faults: [],
    bug: {
      vault(vault) {
        const proposals = new Map<string, string>()
        return {
          ...vault,
          async propose(target, account, secret) {
            proposals.set(`${target}/${account}`, secret)
          },
          async confirm(target, account) {
            const secret = proposals.get(`${target}/${account}`)
            if (secret !== undefined) await vault.propose(target, account, secret)
            await vault.confirm(target, account)
          },
        }
      },
    },
  },
  {
    invariant: 11,
    name: 'whoever asks for a shared account is taken for whoever has it',
    faults: [],
    bug: {
      connector: everyConnector((connector, world, target) => ({
        refuses: () => null,
        apply(opening) {
          const { books } = enforcerOf(world, targetNamed(world, target))
          const holder = heldIn(books)(target).find(
            ({ grant, privileges }) =>
              grant !== opening.grant && privileges.join() === opening.privileges.join(),
          )
          const { requester } = holder ?? opening
          return connector.apply({ ...opening, requester })
        },
      })),
    },
  },
  {
    invariant: 17,
    name: 'a server takes every secret for rotated once its target is absent',
    faults: ['targetKeepsSecrets'],
    bug: {
      store: (store) =>
        seenAs(store, (view) => ({
          ...view,
          grant(id) {
            const grant = view.grant(id)
            if (grant === null || !('targets' in grant)) return grant
            const targets = grant.targets.map((each) =>
              each.phase === 'absent' ? { ...each, exposure: 'rotated' as const } : each,
            )
            return { ...grant, targets }
          },
        })),
    },
  },
  {
    invariant: 20,
    name: 'a rotation opens the account again and sets no secret',
    faults: [],
    bug: {
      connector: everyConnector((_, world, target) => ({
        async rotate(name) {
          const account = targetNamed(world, target).accounts.get(name)
          if (account !== undefined) account.isOpen = true
          const at = later(world, 0)
          return ['old_secret', 'new_secret_refused'].map((probe) => ({
            ...{ probe, absent: true, at },
          }))
        },
      })),
    },
  },
]

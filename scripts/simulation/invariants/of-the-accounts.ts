/**
 * What must be true of shared accounts, after every event: whose they are, who can still get in, and that their secret is never
 * lost.
 *
 * @module
 */
import type { GrantId } from '@halligan/core'
import { holdIn } from '../../../packages/enforcer/src/state.ts'
import { openingSecrets, type SharedAccount } from '../account.ts'
import type { Story } from '../chronicle.ts'
import type { EnforcerNode } from '../enforcer-node.ts'
import { accountNamed } from '../estate.ts'
import { Violation } from '../tally.ts'
import type { Target } from '../target.ts'
import type { World } from '../world.ts'
import { judgeOverdue, judgeTime } from './of-the-targets.ts'

/** One account, and whose work it is. */
type Kept = Readonly<{ enforcer: EnforcerNode; target: Target; account: SharedAccount }>

const keptIn = ({ enforcers }: World): readonly Kept[] =>
  enforcers.flatMap((enforcer) =>
    enforcer.targets.flatMap((target) =>
      [...target.accounts.values()].map((account) => ({ enforcer, target, account })),
    ),
  )

export function judgeAccounts(world: World): void {
  for (const kept of keptIn(world)) {
    judgeSecret(world, kept)
    judgeHolders(world, kept)
  }
}

const nameOf = ({ target, account }: Kept): string => `${account.name} of ${target.name}`

/** Whatever crash comes next: one of the secrets in the vault is the one that the target has. */
function judgeSecret(world: World, kept: Kept): void {
  const { enforcer, target, account } = kept
  const { current, proposed, earlier } = enforcer.vault.peek(target.name, account.name)
  world.tally.checked(10)
  if (![current, proposed, ...earlier].includes(account.secret))
    throw new Violation(10, `the secret of ${nameOf(kept)} is in no vault`)
}

/** Who is inside, or knows what lets them in, is one person, whose grant stands. */
function judgeHolders(world: World, kept: Kept): void {
  const known = [...openingSecrets(kept.account)].flatMap((secret) => [
    ...(kept.account.handedTo.get(secret) ?? []),
  ])
  const knowing = [...new Set(known)].map((grant) => storyOf(world, grant))
  const [one] = knowing
  if (one === undefined) return
  judgeRotated(world, kept, knowing)
  world.tally.checked(11)
  const people = new Set(knowing.map(({ terms }) => terms.requester))
  if (people.size > 1)
    throw new Violation(11, `${nameOf(kept)} is open to ${[...people].join(' and ')}`)
  const standing = standingFor(world, kept, one.terms.requester)
  judgeStanding(world, kept, knowing, standing)
  // Where several overlap, whoever is inside is so by the one that ends last.
  const last = standing.reduce((one, other) => (endOf(one) < endOf(other) ? other : one))
  judgeTime(world, last, kept.enforcer, kept.target)
  judgeOverdue(world, last, kept.target)
}

const endOf = ({ activated, terms }: Story): number =>
  (activated?.trueAt ?? 0) + terms.lifeSeconds * 1000

function storyOf({ chronicle }: World, grant: GrantId): Story {
  const story = chronicle.stories.get(grant)
  if (story === undefined)
    throw new Violation(3, `a secret was handed out for ${grant}, which nobody asked for`)
  return story
}

/** What was handed out before a rotation opens nothing after it. */
function judgeRotated(world: World, kept: Kept, knowing: readonly Story[]): void {
  const { enforcer, target } = kept
  world.tally.checked(20)
  for (const { grant, rotated } of knowing) {
    const hold = enforcer.books.hold(grant, target.name)
    if (rotated.has(target.name) || (holdIn(hold, 'absent') && hold.rotated))
      throw new Violation(20, `what ${grant} had of ${nameOf(kept)} was rotated, and opens`)
  }
}

/** The grants of this person that the enforcer counts on the account. */
function standingFor(
  { chronicle }: World,
  { enforcer: { books }, target, account }: Kept,
  requester: string,
): readonly Story[] {
  return [...chronicle.stories.values()].filter(
    ({ grant, terms }) =>
      terms.requester === requester &&
      terms.targets.some(
        (asked) =>
          asked.target === target.name && accountNamed(asked.privileges) === account.name,
      ) &&
      holdIn(
        books.hold(grant, target.name),
        ...(['accepted', 'applying', 'applied', 'ending'] as const),
      ),
  )
}

function judgeStanding(
  world: World,
  kept: Kept,
  knowing: readonly Story[],
  standing: readonly Story[],
): void {
  const { enforcer, target } = kept
  for (const invariant of [3, 9, 10]) world.tally.checked(invariant)
  const stray = standing.find(({ activated }) => activated === null)
  if (stray !== undefined)
    throw new Violation(3, `${stray.grant} has ${nameOf(kept)} without authority`)
  if (standing.length > 0) return
  const gone = knowing.find(
    ({ grant, absent }) =>
      absent.has(target.name) || holdIn(enforcer.books.hold(grant, target.name), 'absent'),
  )
  if (gone !== undefined)
    throw new Violation(
      9,
      `${gone.grant} is called absent, and ${nameOf(kept)} opens to it`,
    )
  throw new Violation(
    10,
    `${nameOf(kept)} opens to somebody whom its enforcer does not count`,
  )
}

/** What there is to say of the accounts once all is well: nothing. */
export const accountsLeft = (world: World): readonly string[] =>
  keptIn(world).flatMap((kept) => {
    const { account, enforcer, target } = kept
    const isTold = enforcer.books
      .drifts(target.name)
      .includes(`sealed_account_locked ${account.name}`)
    return [
      ...(account.sessions.size > 0 ? [`somebody in ${nameOf(kept)}`] : []),
      ...(account.isOpen || isTold ? [] : [`${nameOf(kept)}, which is shut`]),
    ]
  })

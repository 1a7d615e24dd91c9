/**
 * What must be true of each entry at the moment at which it became durable, judged by what people really signed.
 *
 * @module
 */
import type { Decision, Envelope, Facts, OpenOrder } from '@halligan/core'
import {
  digestOf,
  type Entry,
  payloadDigest,
  payloadTypes,
  readEnvelope,
  verifyEnvelope,
} from '@halligan/ledger'
import { nodeCrypto } from '@halligan/ledger/node'
import { replayRuling } from '@halligan/policy'
import { actIn, type Story } from '../chronicle.ts'
import { rememberingCrypto, signerNamed } from '../crypto.ts'
import {
  accountNamed,
  agents,
  entitlements,
  foundedBundle,
  leads,
  pubOf,
  reviewers,
  soloLifeSeconds,
} from '../estate.ts'
import { Violation } from '../tally.ts'
import type { World } from '../world.ts'

export function judgeEntry(world: World, entry: Entry): void {
  judgeOnce(world, entry)
  if (!entry.subject.startsWith('grant/')) return
  const story = world.chronicle.stories.get(entry.subject.slice(6) as Story['grant'])
  if (story === undefined) return
  judgeLife(world, story, entry)
  if (entry.kind === 'ruled') judgeRuling(world, story, entry)
  if (entry.kind === 'activated') judgeActivation(world, story, entry)
  if (entry.kind === 'ordered' && entry.op === 'open') judgeOrder(world, story, entry)
  if (entry.kind === 'closed' || entry.kind === 'superseded')
    judgeReview(world, story, entry)
}

/** What became durable together: an activation, its orders and its review cannot come apart. */
export function judgeTogether(world: World, fresh: readonly Entry[]): void {
  for (const story of activatedIn(world, fresh)) {
    world.tally.checked(17)
    if (!story.reviewOpened)
      throw new Violation(17, `${story.grant} was activated and no review was opened`)
    if (story.opens.size !== story.terms.targets.length)
      throw new Violation(1, `${story.grant} was activated without its orders`)
  }
}

const activatedIn = (world: World, fresh: readonly Entry[]): readonly Story[] =>
  fresh.flatMap((entry) => {
    if (entry.kind !== 'activated') return []
    const story = world.chronicle.stories.get(entry.subject.slice(6) as Story['grant'])
    return story === undefined ? [] : [story]
  })

/** Acts, nonces and receipts, each of them once. */
function judgeOnce(world: World, entry: Entry): void {
  const { spent, tally } = world
  const once = (name: string, value: string) => {
    tally.checked(7)
    const known = spent.get(name)
    if (known !== undefined && known !== value)
      throw new Violation(7, `${name} was consumed twice`)
    spent.set(name, value)
  }
  const act = entry.kind === 'refused' ? null : actIn(entry)
  if (act !== null) {
    const digest = payloadDigest(nodeCrypto, act.envelope)
    once(`nonce ${act.said.nonce}`, digest)
    once(`act ${digest} as ${entry.kind} of ${entry.subject}`, String(entry.id))
  }
  const receipt = entry.receipt as unknown as Envelope | undefined
  if (receipt === undefined) return
  const read = readEnvelope<{ enforcer: string; seq: number }>(
    payloadTypes.receipt,
    receipt,
  )
  if (read.ok)
    once(`receipt ${read.value.value.enforcer} ${read.value.value.seq}`, String(entry.id))
}

const opening: readonly string[] = ['approval_given', 'approved', 'activated', 'ruled']

/** Once denied, withdrawn, lapsed, ended or closed, for ever. */
function judgeLife(world: World, story: Story, entry: Entry): void {
  world.tally.checked(8)
  const isOver = story.ended !== null || story.over !== null
  if (opening.includes(entry.kind) && isOver)
    throw new Violation(8, `${entry.kind} of ${story.grant}, which is over`)
  if (entry.kind === 'activated' && story.activated?.entry !== entry)
    throw new Violation(7, `${story.grant} was activated twice`)
}

const isSignedBy = (name: string, envelope: Envelope): boolean =>
  verifyEnvelope(rememberingCrypto, payloadTypes.act, envelope, [
    { keyId: signerNamed(name).keyId, pub: pubOf(name) },
  ]).ok

/** Who counts as the requester. */
export const closureOf = (name: string): readonly string[] => {
  const owner = Object.entries(agents).find(([agent]) => agent === name)?.[1]
  return owner === undefined ? [name] : [name, owner]
}

const isAgent = (name: string): boolean => Object.hasOwn(agents, name)

function judgeActivation(world: World, story: Story, entry: Entry): void {
  const { tally } = world
  const { terms, grant } = story
  const { requester } = terms
  const digest = digestOf(rememberingCrypto, terms)
  const fail = (invariant: number, why: string): never => {
    throw new Violation(invariant, `${grant} was activated ${why}`)
  }
  tally.checked(3)
  const request = actIn(story.request)
  if (request === null || !isSignedBy(requester, request.envelope))
    fail(3, 'and its requester never asked')
  const activation = actIn(entry)
  if (activation === null || !isSignedBy(requester, activation.envelope))
    fail(3, 'and its requester did not say so')
  if (entry.at >= story.approvedUntil) fail(3, 'after its approval had lapsed')
  tally.checked(5)
  if (request?.said.termsDigest !== digest) fail(5, 'with other terms than were signed')
  if (activation?.said.termsDigest !== digest) fail(5, 'with other terms than were shown')
  const people = new Set<string>()
  for (const given of story.approvals) {
    const approval = actIn(given)
    const by = approval?.said.by ?? ''
    if (approval === null || !isSignedBy(by, approval.envelope))
      fail(3, `on an approval that ${by} never signed`)
    if (approval?.said.verb !== 'approve' || approval.said.grant !== grant)
      fail(3, `on an act of ${by} that approves nothing of it`)
    if (approval?.said.termsDigest !== digest) fail(5, `on terms that ${by} never saw`)
    tally.checked(23)
    if (isAgent(by)) fail(23, `with the approval of an agent, ${by}`)
    tally.checked(4)
    if (closureOf(requester).includes(by))
      fail(isAgent(requester) ? 23 : 4, `with an approval of its own requester, ${by}`)
    if (!leads.includes(by)) fail(3, `with the approval of ${by}, who is no lead`)
    people.add(by)
  }
  const needed =
    terms.route.name === 'solo' ? 0 : (entitlements[terms.entitlement]?.approvals ?? 99)
  if (people.size < needed) fail(4, `by ${people.size} people of ${needed}`)
  judgePolicy(world, story, fail)
  judgeCaution(world, fail)
  judgeDecision(story, entry, fail)
}

type Fail = (invariant: number, why: string) => never

/** The policy of the example, in a few lines and by heart. */
function judgePolicy(world: World, { terms }: Story, fail: Fail): void {
  world.tally.checked(19)
  const incident = world.chronicle.incidents.get(terms.incident)
  if (incident === undefined || !incident.open) fail(19, 'without an open incident')
  if ((incident?.severity ?? 9) > 3) fail(19, 'for a mild incident')
  if (!incident?.systems.includes('payments-db')) fail(19, 'for another system')
  if (terms.requester === 'mallory') fail(19, 'for somebody who is not on call')
  if (terms.route.name !== 'solo') return
  if (terms.requester !== 'ada') fail(19, 'alone, by somebody who is not on call')
  if ((incident?.severity ?? 9) > 2) fail(19, 'alone, without need')
}

/** No new access while the clock cannot be trusted, or the log contradicts what was signed. */
function judgeCaution(world: World, fail: Fail): void {
  world.tally.checked(18)
  if (world.server.clockIsOff()) fail(18, 'while the clock was off')
  if (world.chronicle.isRolledBack) fail(15, 'in a log that was rolled back')
}

function judgeDecision({ terms }: Story, entry: Entry, fail: Fail): void {
  const read = readEnvelope<Decision>(
    payloadTypes.decision,
    entry.decision as unknown as Envelope,
  )
  if (!read.ok) throw new Violation(3, `${terms.grant} was activated without a decision`)
  const { notAfter } = read.value.value
  const longest =
    terms.route.name === 'solo'
      ? soloLifeSeconds
      : (entitlements[terms.entitlement]?.maxLifeSeconds ?? 0)
  if (terms.lifeSeconds > longest) fail(6, 'for longer than the policy has')
  if (notAfter > entry.at + terms.lifeSeconds * 1000) fail(6, 'for longer than was asked')
}

function judgeOrder(world: World, story: Story, entry: Entry): void {
  world.tally.checked(6)
  const read = readEnvelope<OpenOrder>(
    payloadTypes.order,
    entry.order as unknown as Envelope,
  )
  const asked = story.terms.targets.find(({ target }) => target === entry.target)
  if (!read.ok || asked === undefined)
    throw new Violation(6, `an order of ${story.grant} that nobody asked for`)
  const order = read.value.value
  if (order.privileges.join() !== asked.privileges.join())
    throw new Violation(6, `${story.grant} was ordered with other privileges`)
  if (order.notAfter > (story.activated?.notAfter ?? 0))
    throw new Violation(6, `${story.grant} was ordered for longer than decided`)
}

/** The recorded facts, judged again by the bundle in force, give the recorded answer. */
function judgeRuling(world: World, story: Story, entry: Entry): void {
  world.tally.checked(19)
  const { bundleDigest, engine, facts, open, closed } = entry as unknown as {
    bundleDigest: string
    engine: string
    facts: Facts
    open: never[]
    closed: never[]
  }
  const recorded = { bundleDigest, engine, facts, open, closed }
  const { verdict } = replayRuling(foundedBundle(), recorded)
  if (verdict !== 'replayed')
    throw new Violation(19, `the ruling of ${story.grant} ${verdict}`)
}

function judgeReview(world: World, story: Story, entry: Entry): void {
  world.tally.checked(17)
  const act = actIn(entry)
  const by = act?.said.by ?? ''
  const fail = (invariant: number, why: string): never => {
    throw new Violation(invariant, `the review of ${story.grant} was closed ${why}`)
  }
  if (act === null || !isSignedBy(by, act.envelope)) fail(17, 'by nobody')
  if (isAgent(by)) fail(23, `by an agent, ${by}`)
  if (!reviewers.includes(by)) fail(17, `by ${by}, who reviews nothing`)
  const approvers = story.approvals.map((given) => actIn(given)?.said.by)
  if (closureOf(story.terms.requester).includes(by) || approvers.includes(by))
    fail(4, `by ${by}, who is part of it`)
  for (const { target } of story.terms.targets)
    if (
      !story.absent.has(target) &&
      !story.refused.has(target) &&
      !story.attested.has(target)
    )
      fail(17, `while ${target} was not settled`)
  const [owed] = unrotated(story)
  if (owed !== undefined) fail(17, `while what was handed out at ${owed} was not rotated`)
}

/** Targets where somebody was handed the secret of a shared account that may still be the one in force. */
const unrotated = ({ terms, exposed, rotated, attested }: Story): readonly string[] =>
  terms.targets
    .filter(({ privileges }) => accountNamed(privileges) !== null)
    .map(({ target }) => target)
    .filter((target) => [...exposed.values()].includes(target))
    .filter((target) => !rotated.has(target) && !attested.has(target))

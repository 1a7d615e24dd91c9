/**
 * The other side, for tests: people with keys, a roster, a log with proofs, and a control plane that tells the truth until a
 * test makes it lie.
 *
 * @module
 */
import type { SyncAnswer } from '@halligan/contract'
import type {
  Act,
  ActBody,
  Decision,
  Digest,
  EndCause,
  Envelope,
  GrantId,
  Instant,
  Json,
  OpenOrder,
  Order,
  PrincipalId,
  Receipt,
  Roster,
  SealKey,
  Terms,
  Verb,
} from '@halligan/core'
import { overlapKeyOf, revokePlan } from '@halligan/core'
import {
  digestOf,
  type EntryDraft,
  payloadDigest,
  payloadTypes,
  readEnvelope,
  type Signer,
  sealEnvelope,
} from '@halligan/ledger'
import { nodeCrypto as crypto, generateSigner } from '@halligan/ledger/node'
import type { ControlPlane } from '../src/ports.ts'
import { type HostClock, targetName } from './host.ts'
import { createLog, type Log, origin, type Proved } from './log.ts'
import { genesis, type Keys } from './roster.ts'

const person = (name: string) => name as PrincipalId

export type Opening = SyncAnswer['opens'][number]

export const sealKeyNamed = (letter: string): SealKey => ({
  kty: 'OKP',
  crv: 'X25519',
  x: letter.repeat(43).slice(0, 42).concat('A'),
})

export type Estate = {
  keys: Keys
  rosterOf(version: number, change?: (roster: Roster) => Roster): Envelope
  rosters: Envelope[]
  rosterDigest: Digest
  append(draft: EntryDraft): number
  prove(index: number): Proved
  size(): number
  /** Undoes the newest entries, as a restored backup would. */
  truncate(size: number): void
  act<V extends Verb>(
    verb: V,
    by: keyof Keys,
    fields: Partial<Act>,
    body: ActBody[V],
  ): Envelope
  /** The whole story of a grant up to its order, on the record. */
  grant(grant: GrantId, forgery?: Forgery): Story
  end(grant: GrantId, cause?: EndCause): Envelope
  /** `sealTo` is what the server's order says; the act names `to`. */
  reseal(
    grant: GrantId,
    to: SealKey,
    by?: keyof Keys,
    sealTo?: SealKey,
  ): SyncAnswer['reseals'][number]
  opens: Opening[]
  ends: SyncAnswer['ends'][number][]
  reseals: SyncAnswer['reseals'][number][]
  receipts: Receipt[]
  deliveries: Parameters<ControlPlane['deliver']>[0][]
  down: boolean
  /** What really passes between question and answer. */
  latencyMillis: number
  /** How far the server's clock is ahead of the host's. */
  skewMillis: number
  /** What the server makes of its honest answer. */
  lie: (answer: SyncAnswer) => SyncAnswer
  controlPlane: ControlPlane
}

/** What a control plane that holds its own keys, and nobody else's, makes of a story. */
export type Forgery = Readonly<{
  /** Terms that ada really signs. */
  terms?: Partial<Terms>
  approvers?: readonly (keyof Keys)[]
  approval?: (about: Partial<Act>) => Envelope
  decision?: (decision: Decision) => Decision
  order?: (order: OpenOrder) => OpenOrder
  issuer?: Signer
}>

export type Story = {
  terms: Terms
  decision: Decision
  order: OpenOrder
  indexes: { request: number; approvals: number[]; decision: number; order: number }
  opening(): Opening
}

export function createEstate(clock: HostClock): Estate {
  const keys = Object.fromEntries(
    ['ada', 'bob', 'cy', 'dee', 'mallory', 'issuer', 'log', 'enforcer'].map((name) => [
      name,
      generateSigner().signer,
    ]),
  ) as Keys
  const log = createLog(keys.log)
  const now = () => (clock.read().wall + estate.skewMillis) as Instant

  const estate: Estate = {
    keys,
    rosters: [],
    rosterDigest: `sha256:${'0'.repeat(64)}`,
    ...log,
    opens: [],
    ends: [],
    reseals: [],
    receipts: [],
    deliveries: [],
    down: false,
    latencyMillis: 20,
    skewMillis: 0,
    lie: (answer) => answer,
    rosterOf(version, change = (roster) => roster) {
      const before = estate.rosters.at(-1)
      const prevDigest = before === undefined ? null : payloadDigest(crypto, before)
      const roster = change({ ...genesis(keys), version, prevDigest })
      return sealEnvelope(payloadTypes.roster, roster, keys.dee)
    },
    act: (verb, by, fields, body) =>
      sealEnvelope(
        payloadTypes.act,
        {
          type: 'halligan/act/v1',
          estate: 'example',
          verb,
          by: person(by),
          keyId: keys[by].keyId,
          nonce: 'n0nce',
          at: now(),
          ...fields,
          body,
        } as Json,
        keys[by],
      ),
    grant: (grant, forgery = {}) => tell(estate, now, grant, forgery),
    end(grant, cause = 'revoked') {
      const order: Order = {
        ...{ type: 'halligan/order/v1', order: 'o-end', estate: 'example', grant },
        ...{ target: targetName, enforcer: 'enf-payments', issuedAt: now() },
        ...{ op: 'end', cause },
      }
      return sealEnvelope(payloadTypes.order, order, keys.issuer)
    },
    reseal: (grant, to, by = 'ada', sealTo = to) =>
      tellReseal(estate, now, grant, { to, by, sealTo }),
    controlPlane: {
      async sync(statement) {
        clock.pass(estate.latencyMillis)
        if (estate.down)
          return { ok: false, error: { code: 'unreachable', detail: 'down' } }
        return { ok: true, value: estate.lie(answerTo(estate, statement, now())) }
      },
      async deliver(delivery) {
        if (estate.down)
          return { ok: false, error: { code: 'unreachable', detail: 'down' } }
        return { ok: true, value: record(estate, delivery, now()) }
      },
      wakeUps: () => () => {},
    },
  }
  estate.rosters = [estate.rosterOf(1)]
  const [first] = estate.rosters
  if (first !== undefined) estate.rosterDigest = payloadDigest(crypto, first)
  estate.append({ at: now(), kind: 'log_opened', subject: 'log', actor: 'system', origin })
  return estate
}

function answerTo(estate: Estate, statement: Envelope, now: Instant): SyncAnswer {
  const log = estate as Estate & Log
  const read = readEnvelope<{
    beaconNonce: string
    checkpointSeen: { size: number } | null
  }>(payloadTypes.sync, statement)
  if (!read.ok) throw new Error(read.error.reason)
  const { beaconNonce, checkpointSeen } = read.value.value
  const checkpoint = log.checkpoint()
  const from = checkpointSeen?.size ?? null
  return {
    generation: estate.size(),
    rosters: estate.rosters,
    checkpoint,
    consistency: from === null ? null : from > estate.size() ? [] : log.consistency(from),
    beacon: beaconOf(estate, beaconNonce, now, checkpoint),
    opens: stories.get(estate)?.map((story) => story.opening()) ?? [],
    ends: estate.ends,
    reseals: estate.reseals,
  }
}

export const beaconOf = (
  estate: Estate,
  nonce: string,
  serverTime: Instant,
  checkpoint: string,
): Envelope =>
  sealEnvelope(
    payloadTypes.beacon,
    { type: 'halligan/beacon/v1', estate: 'example', nonce, serverTime, checkpoint },
    estate.keys.issuer,
  )

const stories = new WeakMap<Estate, Story[]>()

/** What the estate tells of open orders; a test may take stories out again. */
export const storiesOf = (estate: Estate): Story[] => {
  const told = stories.get(estate) ?? []
  stories.set(estate, told)
  return told
}

function tell(estate: Estate, now: () => Instant, grant: GrantId, forgery: Forgery): Story {
  const { approvers = ['bob'], issuer = estate.keys.issuer } = forgery
  const terms: Terms = {
    estate: 'example',
    grant,
    revision: 1,
    requester: person('ada'),
    entitlement: 'payments-db-repair',
    targets: [
      {
        target: targetName,
        enforcer: 'enf-payments',
        privileges: ['role:payments_repair'],
      },
    ],
    route: { name: 'quorum', approvals: 1, groups: ['payments-leads'] },
    lifeSeconds: 60,
    incident: 'inc-1',
    reasonCommitment: `sha256:${'1'.repeat(64)}`,
    ...forgery.terms,
  }
  const termsDigest = digestOf(crypto, terms)
  const about = { grant, termsDigest }
  const enter = (kind: string, actor: string, fields: Record<string, Json>) =>
    estate.append({ at: now(), kind, subject: `grant/${grant}`, actor, ...fields })
  const requestAct = estate.act('request', 'ada', about, { terms })
  const request = enter('requested', 'ada', { terms, termsDigest, act: requestAct })
  const approvalActs = approvers.map(
    (by) => forgery.approval?.(about) ?? estate.act('approve', by, about, {}),
  )
  const approvals = approvalActs.map((act, i) =>
    enter('approval_given', String(approvers[i]), { act }),
  )
  const sealTo = sealKeyNamed('a')
  const activateAct = estate.act('activate', 'ada', about, { sealTo })
  const facts = { asOf: now() }
  const issuedAt = now()
  const notAfter = (issuedAt + terms.lifeSeconds * 1000) as Instant
  const digest = (envelope: Envelope) => payloadDigest(crypto, envelope)
  const honest: Decision = {
    ...{ type: 'halligan/decision/v1', decision: 'd-1', estate: 'example', grant },
    ...{ termsDigest, terms, bundleDigest: `sha256:${'2'.repeat(64)}`, rosterVersion: 1 },
    factsDigest: digestOf(crypto, facts),
    requestAct: digest(requestAct),
    approvalActs: approvalActs.map(digest),
    activateAct: digest(activateAct),
    ...{ issuedAt, notAfter, voidIf: [] },
  }
  const decision = forgery.decision?.(honest) ?? honest
  const sealedDecision = sealEnvelope(payloadTypes.decision, decision, issuer)
  const activated = enter('activated', 'ada', {
    ...{ act: activateAct, decision: sealedDecision, facts, notAfter },
    decisionDigest: digest(sealedDecision),
  })
  const [at] = terms.targets
  const honestOrder: OpenOrder = {
    ...{ type: 'halligan/order/v1', order: 'o-1', estate: 'example', grant, op: 'open' },
    target: at?.target ?? targetName,
    enforcer: at?.enforcer ?? 'enf-payments',
    privileges: at?.privileges ?? [],
    decisionDigest: digest(sealedDecision),
    ...{ sealTo, issuedAt, applyBefore: Math.min(issuedAt + 120_000, notAfter) as Instant },
    ...{ notAfter, revokePlan, revokeSloSeconds: 60 },
    overlapKey: overlapKeyOf(at?.target ?? targetName, grant, at?.privileges ?? []),
  }
  const order = forgery.order?.(honestOrder) ?? honestOrder
  const sealedOrder = sealEnvelope(payloadTypes.order, order, issuer)
  const ordered = enter('ordered', 'system', {
    ...{ op: 'open', target: order.target, enforcer: order.enforcer, order: sealedOrder },
    orderDigest: digest(sealedOrder),
  })
  const indexes = { request, approvals, decision: activated, order: ordered }
  const story: Story = {
    terms,
    decision,
    order,
    indexes,
    opening: () => ({
      request: estate.prove(indexes.request),
      approvals: indexes.approvals.map(estate.prove),
      decision: estate.prove(indexes.decision),
      order: estate.prove(indexes.order),
    }),
  }
  storiesOf(estate).push(story)
  return story
}

function tellReseal(
  estate: Estate,
  now: () => Instant,
  grant: GrantId,
  { to, by, sealTo }: Readonly<{ to: SealKey; by: keyof Keys; sealTo: SealKey }>,
): SyncAnswer['reseals'][number] {
  const act = estate.act('reveal', by, { grant }, { target: targetName, sealTo: to })
  const subject = `grant/${grant}`
  const asked = estate.append({ at: now(), kind: 'reveal_asked', subject, actor: by, act })
  const order: Order = {
    ...{ type: 'halligan/order/v1', order: 'o-reseal', estate: 'example', grant },
    ...{ target: targetName, enforcer: 'enf-payments', issuedAt: now(), op: 'reseal' },
    ...{ sealTo, revealAct: payloadDigest(crypto, act) },
  }
  const envelope = sealEnvelope(payloadTypes.order, order, estate.keys.issuer)
  const ordered = estate.append({
    ...{
      at: now(),
      kind: 'ordered',
      subject,
      actor: 'system',
      order: envelope,
      op: 'reseal',
    },
  })
  return { order: estate.prove(ordered), reveal: estate.prove(asked) }
}

const places = new WeakMap<Estate, number[]>()

function placesOf(estate: Estate): number[] {
  const known = places.get(estate) ?? []
  places.set(estate, known)
  return known
}

/** Numbered, each once, and the same again answered with its place: as the server takes them. */
function record(
  estate: Estate,
  delivery: Parameters<ControlPlane['deliver']>[0],
  now: Instant,
) {
  const read = readEnvelope<Receipt>(payloadTypes.receipt, delivery.receipt)
  if (!read.ok) throw new Error(read.error.reason)
  const receipt = read.value.value
  const place = placesOf(estate)
  const known = place[receipt.seq - 1]
  if (known !== undefined) return { index: known, ...estate.prove(known) }
  if (receipt.seq !== place.length + 1)
    throw new Error(`receipt ${receipt.seq} after ${place.length}`)
  estate.receipts.push(receipt)
  estate.deliveries.push(delivery)
  const index = estate.append({
    at: now,
    kind: 'reported',
    subject: receipt.grant === null ? `target/${receipt.target}` : `grant/${receipt.grant}`,
    actor: `enforcer/${receipt.enforcer}`,
    receipt: delivery.receipt,
  })
  place.push(index)
  return { index, ...estate.prove(index) }
}

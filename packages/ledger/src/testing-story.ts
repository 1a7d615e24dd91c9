import {
  type Act,
  type ActOf,
  type Beacon,
  closureOf,
  type Decision,
  type Digest,
  directoryOf,
  type Envelope,
  type Facts,
  type GrantEvent,
  type Instant,
  type Json,
  type OpenOrder,
  type Order,
  type Receipt,
  type ReceiptDetail,
  type Roster,
  revokePlan,
  type Terms,
} from '@halligan/core'
import { quorumOf, facts as someFacts } from '@halligan/core/testing'
import { evidenceDigest } from './case-checks.ts'
import { buildCaseFile, type CaseBlob, type CaseFile } from './case-file.ts'
import { digestOf } from './digest.ts'
import { payloadDigest, payloadTypes, sealEnvelope } from './envelope.ts'
import { nodeCrypto } from './node.ts'
import {
  actOf,
  after,
  enforcerId,
  estate,
  genesis,
  terms as goodTerms,
  guard,
  MemoryLog,
  note,
  reason,
  sealTo,
  signerOf,
  signRoster,
  target,
} from './testing-estate.ts'
import type { Plot, Story } from './testing-plot.ts'

export const bundle = { 'estate.yaml': 'estate: example\n' }
const digestIn = (value: Json): Digest => digestOf(nodeCrypto, value)
const bundleDigest = digestIn(bundle)

/** Tells it one message after another. */
export class Teller {
  readonly #plot: Plot
  readonly #log = new MemoryLog()
  readonly #roster: Roster
  readonly #rosters: readonly Envelope[]
  readonly #terms: Terms
  #receipts: readonly Envelope[] = []
  #order: { envelope: Envelope; digest: Digest; index: number } | undefined

  constructor(plot: Plot) {
    this.#plot = plot
    this.#roster = plot.roster ?? genesis
    this.#rosters = plot.rosters ?? [signRoster(this.#roster)]
    this.#terms = plot.terms?.(goodTerms) ?? goodTerms
  }

  tell(): Story {
    const { requester } = this.#terms
    this.#write('log_opened', 0, 'log', 'system', { estate })
    const request = this.#request()
    const approvals = this.#approvals()
    const activate = this.#sign(
      this.#plot.activate ?? same,
      actOf('activate', requester, { sealTo }, this.#about()),
    )
    const made = this.#decide(request.act, approvals, activate)
    const decided = this.#write('activated', 30, this.#subject(), requester, {
      act: activate,
      decision: made.envelope,
      decisionDigest: made.digest,
      bundleDigest,
      engine: 'cedar-wasm 4.13.0',
      facts: this.#facts(),
      notAfter: made.decision.notAfter,
      voidIf: [],
    })
    const order = this.#orderOpen(made)
    this.#write('review_opened', 30, this.#subject(), 'system', {
      due: after(86_400),
      group: 'reviewers',
    })
    return this.#story(made.decision, order, {
      order: order.index,
      decision: decided,
      request: request.index,
      approvals: approvals.map(({ index }) => index),
    })
  }

  finish(): CaseFile {
    const by = this.#terms.requester
    const revealId = 'r-1'
    const sealedDigest = digestIn('jwe')
    this.#report(34, { kind: 'applied', sealedDigest, revealId })
    this.#write('exposed', 34, this.#subject(), 'system', {
      target,
      revealId,
      sealedDigest,
    })
    const back = this.#sign(same, actOf('return', by, {}, this.#about()))
    this.#write('returned', 200, this.#subject(), by, { cause: 'returned', by, act: back })
    this.#issue(201, { ...this.#orderBase('o-2'), op: 'end', cause: 'returned' })
    this.#report(202, { kind: 'ending', cause: 'order' })
    const probes = [{ probe: 'pg_authid', absent: true, at: after(203) }]
    this.#report(203, { kind: 'absent', probes, alreadyAbsent: false })
    this.#review()
    return this.#case([reason, note])
  }

  /** Asked and denied: the smallest story that ends. */
  deny(): CaseFile {
    this.#request()
    const no = this.#sign(same, actOf('deny', 'bob', {}, this.#about()))
    this.#write('denied', 5, this.#subject(), 'bob', { by: 'bob', act: no })
    return this.#case([reason])
  }

  #case(blobs: readonly CaseBlob[]): CaseFile {
    const log = this.#log
    return buildCaseFile({
      estate,
      grant: this.#terms.grant,
      rosters: this.#rosters,
      checkpoint: log.checkpoint(),
      entries: log.entries.flatMap(({ subject }, index) =>
        subject === this.#subject() ? [log.prove(index)] : [],
      ),
      blobs,
      bundle,
    })
  }

  #story(
    decision: Decision,
    order: { order: OpenOrder; index: number },
    at: { order: number; decision: number; request: number; approvals: readonly number[] },
  ): Story {
    const log = this.#log
    const checkpoint = log.checkpoint()
    const wallNow = after(32)
    const prove = (index: number) => log.prove(index, checkpoint)
    return {
      log,
      rosters: this.#rosters,
      evidence: {
        rosters: this.#rosters,
        checkpoint,
        consistency: log.consistency(1),
        beacon: this.#beacon(checkpoint, wallNow),
        order: prove(at.order),
        decision: prove(at.decision),
        request: prove(at.request),
        approvals: at.approvals.map(prove),
      },
      trust: {
        estate,
        rosterDigest: digestOfFirst(this.#rosters),
        checkpointSeen: {
          origin: genesis.logs[0]?.origin ?? '',
          size: 1,
          root: log.root(1),
        },
      },
      guard,
      situation: {
        beaconNonce: 'nonce',
        roundTripMillis: 20,
        wallNow,
        localState: 'none',
        fence: null,
      },
      decision,
      order: order.order,
      orderIndex: order.index,
    }
  }

  #request(): { act: Envelope; index: number } {
    const terms = this.#terms
    const { requester } = terms
    const act = this.#sign(
      this.#plot.request ?? same,
      actOf('request', requester, { terms }, this.#about()),
    )
    const index = this.#write('requested', 1, this.#subject(), requester, {
      drill: false,
      terms,
      termsDigest: digestIn(terms),
      closure: closureOf(directoryOf(this.#roster), requester, terms.actsFor),
      act,
    })
    this.#write('ruled', 1, this.#subject(), 'system', {
      bundleDigest,
      engine: 'cedar-wasm 4.13.0',
      facts: this.#facts(),
      factsAsOf: this.#facts().asOf,
      route: quorumOf(terms.route.approvals),
      open: ['quorum'],
      closed: [],
      until: after(900),
    })
    return { act, index }
  }

  #approvals(): readonly { act: Envelope; index: number }[] {
    const given = (this.#plot.approvers ?? ['bob', 'cy']).map((name, i) => {
      const bend = this.#plot.approval
      const act = this.#sign(
        (good: ActOf<'approve'>) => bend?.(good, i) ?? good,
        actOf('approve', name, {}, this.#about()),
      )
      const by = { by: name, act }
      return {
        act,
        index: this.#write('approval_given', 10 + i, this.#subject(), name, by),
      }
    })
    this.#write('approved', 20, this.#subject(), 'system', { until: after(600) })
    return given
  }

  #decide(
    request: Envelope,
    approvals: readonly { act: Envelope }[],
    activate: Envelope,
  ): { decision: Decision; envelope: Envelope; digest: Digest } {
    const good: Decision = {
      type: 'halligan/decision/v1',
      decision: 'd-1',
      estate,
      grant: this.#terms.grant,
      termsDigest: digestIn(this.#terms),
      terms: this.#terms,
      bundleDigest,
      rosterVersion: this.#roster.version,
      factsDigest: digestIn(this.#facts()),
      requestAct: payloadDigest(nodeCrypto, request),
      approvalActs: approvals.map(({ act }) => payloadDigest(nodeCrypto, act)),
      activateAct: payloadDigest(nodeCrypto, activate),
      issuedAt: after(30),
      notAfter: after(30 + this.#terms.lifeSeconds),
      voidIf: [],
    }
    const decision = this.#plot.decision?.(good) ?? good
    const envelope = this.#seal('decision', decision, 'issuer')
    return { decision, envelope, digest: payloadDigest(nodeCrypto, envelope) }
  }

  #orderOpen(made: { decision: Decision; digest: Digest }): {
    order: OpenOrder
    index: number
  } {
    const good: OpenOrder = {
      ...this.#orderBase('o-1'),
      issuedAt: after(30),
      op: 'open',
      decisionDigest: made.digest,
      privileges: this.#terms.targets[0]?.privileges ?? [],
      sealTo,
      applyBefore: after(150),
      notAfter: made.decision.notAfter,
      revokePlan,
      revokeSloSeconds: 60,
      overlapKey: `${target}/${this.#terms.grant}`,
    }
    const order = this.#plot.order?.(good) ?? good
    const { envelope, index, digest } = this.#issue(30, order)
    this.#order = { envelope, index, digest }
    return { order, index }
  }

  #orderBase(order: string) {
    return {
      type: 'halligan/order/v1',
      order,
      estate,
      grant: this.#terms.grant,
      target,
      enforcer: enforcerId,
      issuedAt: after(201),
    } as const
  }

  #issue(
    seconds: number,
    order: Order,
  ): { envelope: Envelope; digest: Digest; index: number } {
    const envelope = this.#seal('order', order, 'issuer')
    const digest = payloadDigest(nodeCrypto, envelope)
    const index = this.#write('ordered', seconds, this.#subject(), 'system', {
      op: order.op,
      target,
      enforcer: enforcerId,
      order: envelope,
      orderDigest: digest,
    })
    return { envelope, digest, index }
  }

  #beacon(checkpoint: string, serverTime: Instant): Envelope {
    const good: Beacon = {
      type: 'halligan/beacon/v1',
      estate,
      nonce: 'nonce',
      serverTime,
      checkpoint,
    }
    return this.#seal('beacon', this.#plot.beacon?.(good) ?? good, 'issuer')
  }

  #report(seconds: number, good: ReceiptDetail): void {
    const detail = this.#plot.report?.(good) ?? good
    const last = this.#receipts.at(-1)
    const receipt: Receipt = {
      type: 'halligan/receipt/v1',
      estate,
      enforcer: enforcerId,
      seq: this.#receipts.length,
      prevReceiptDigest: last === undefined ? null : payloadDigest(nodeCrypto, last),
      orderDigest: this.#order?.digest ?? null,
      orderIndex: this.#order?.index ?? null,
      grant: this.#terms.grant,
      target,
      checkpointSeen: null,
      at: after(seconds),
      detail,
    }
    const envelope = sealEnvelope(payloadTypes.receipt, receipt, signerOf('enforcer'))
    this.#receipts = [...this.#receipts, envelope]
    this.#write('reported', seconds, this.#subject(), `enforcer/${enforcerId}`, {
      target,
      enforcer: enforcerId,
      report: detail,
      receipt: envelope,
      receiptDigest: payloadDigest(nodeCrypto, envelope),
    })
  }

  #review(): void {
    const by = this.#plot.reviewer ?? 'dee'
    const all = this.#log.entries.filter(({ subject }) => subject === this.#subject())
    const body = {
      finding: 'justified',
      evidenceDigest: evidenceDigest(nodeCrypto, this.#plot.shown?.(all) ?? all),
      followUps: [],
      noteCommitment: note.commitment,
    } as const
    const act = this.#sign(same, actOf('review', by, body, this.#about()))
    this.#write('closed', 300, this.#subject(), by, { by, ...body, act })
  }

  #sign<A extends Act>(bend: (good: A) => Act, good: A): Envelope {
    const act = bend(good)
    return this.#seal('act', act, act.by)
  }

  #seal(name: 'act' | 'decision' | 'order' | 'beacon', value: Json, by: string): Envelope {
    const signer = this.#plot.signer?.(by) ?? signerOf(by)
    const good = sealEnvelope(payloadTypes[name], value, signer)
    return this.#plot.seal?.(name, good) ?? good
  }

  #write(
    kind: GrantEvent['kind'] | 'log_opened',
    seconds: number,
    subject: string,
    actor: string,
    fields: Readonly<Record<string, Json>>,
  ): number {
    const at = after(this.#plot.entryAt?.(kind, seconds) ?? seconds)
    return this.#log.append({ ...fields, at, kind, subject, actor })
  }

  #about() {
    return { grant: this.#terms.grant, termsDigest: digestIn(this.#terms) }
  }

  #facts(): Facts {
    return this.#plot.facts ?? { ...someFacts, asOf: after(0) }
  }

  #subject(): string {
    return `grant/${this.#terms.grant}`
  }
}

const same = <T>(good: T): T => good

export const digestOfFirst = ([first]: readonly Envelope[]): Digest =>
  payloadDigest(nodeCrypto, first as Envelope)

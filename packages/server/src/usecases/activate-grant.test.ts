import type { Decision, Envelope, OpenOrder } from '@halligan/core'
import { payloadDigest, payloadTypes, verifyEnvelope } from '@halligan/ledger'
import { nodeCrypto } from '@halligan/ledger/node'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  edited,
  exampleFiles,
  must,
  openEstate,
  pubOf,
  sign,
  signerOf,
  type TestEstate,
} from '../../test/estate-kit.ts'
import {
  activate,
  activeGrant,
  applied,
  applyPolicy,
  approve,
  declareIncident,
  entriesOf,
  kindsOf,
  noticesOf,
  phaseOf,
  refusalsOf,
  report,
  request,
  sealTo,
  signActivation,
  workOff,
} from '../../test/flow-kit.ts'
import { activateGrant } from './activate-grant.ts'
import { closeIncident } from './close-incident.ts'

let estate: TestEstate
const open = async (files = exampleFiles, severity = 2) => {
  estate = await openEstate({ files })
  await declareIncident(estate, 'inc-1', severity)
}
beforeEach(() => open())
afterEach(() => estate.close())
const reopen = async (files: typeof exampleFiles, severity = 2) => {
  await estate.close()
  await open(files, severity)
}

async function approved(ask: Parameters<typeof request>[1] = {}) {
  const asked = await request(estate, ask)
  must(await approve(estate, 'bob', asked))
  return asked
}

const issuer = { keyId: signerOf('issuer').keyId, pub: pubOf(signerOf('issuer')) }
const opened = <T>(
  type: typeof payloadTypes.decision | typeof payloadTypes.order,
  at: unknown,
) => must(verifyEnvelope<T>(nodeCrypto, type, at as Envelope, [issuer])).value

test('INV-3 an activation signed long before or ahead of the server is refused, and said why', async () => {
  const { grant, termsDigest } = await approved()
  for (const millis of [-331_000, 331_000]) {
    const lie = { at: estate.deps.clock.now() + millis }
    const input = await sign(estate, 'ada', 'activate', {
      grant,
      termsDigest,
      body: { sealTo },
      lie,
    })
    const answer = await activateGrant(estate.deps, input)
    expect(answer).toMatchObject({ ok: false, error: { code: 'act_not_fresh' } })
  }
  expect(phaseOf(estate, grant)).toBe('approved')
  expect(refusalsOf(estate, 'ada')).toEqual(['act_not_fresh', 'act_not_fresh'])
})

test('K-05 INV-1 decision, orders and review are one transaction, below one checkpoint', async () => {
  const asked = await approved()
  const sizes: number[] = []
  estate.deps.writer.onFrontier((size) => sizes.push(size))
  const before = estate.deps.view().head().size
  const answer = must(await activate(estate, 'ada', asked))
  expect(answer.entries.map(({ kind }) => kind)).toEqual([
    'activated',
    'ordered',
    'review_opened',
  ])
  expect(sizes).toEqual([before + 3])
  expect(answer.entries.map(({ index }) => index)).toEqual([before, before + 1, before + 2])
})

test('K-05 what dies between decision and orders has left nothing', async () => {
  const asked = await approved()
  const size = estate.deps.view().head().size
  let signed = 0
  const issuer = {
    ...estate.deps.issuer,
    sign(message: Uint8Array) {
      if (++signed === 2) throw new Error('the key store is gone')
      return estate.deps.issuer.sign(message)
    },
  }
  const act = await signActivation(estate, 'ada', asked)
  const dying = { ...estate.deps, issuer }
  await expect(activateGrant(dying, act)).rejects.toThrow('the key store is gone')
  expect(estate.deps.view().head().size).toBe(size)
  expect(phaseOf(estate, asked.grant)).toBe('approved')
  must(await activateGrant(estate.deps, act))
})

test('AC-13 the answer comes only once decision and order are below the frontier', async () => {
  const asked = await approved()
  const act = await signActivation(estate, 'ada', asked)
  const answer = activateGrant(estate.deps, act).then((result) => {
    const last = must(result).entries.at(-1)?.index ?? Number.POSITIVE_INFINITY
    return estate.deps.writer.frontier().head.size > last
  })
  expect(estate.deps.view().grant(asked.grant)?.phase).toBe('approved')
  expect(await answer).toBe(true)
})

test('decision and order say exactly what was approved, and are the issuer’s', async () => {
  const { grant, termsDigest, terms } = await activeGrant(estate)
  const entries = entriesOf(estate, `grant/${grant}`)
  const of = (kind: string) => entries.find((entry) => entry.kind === kind)
  const decision = opened<Decision>(payloadTypes.decision, of('activated')?.decision)
  const order = opened<OpenOrder>(payloadTypes.order, of('ordered')?.order)
  const digestOfAct = (kind: string) =>
    payloadDigest(nodeCrypto, of(kind)?.act as unknown as Envelope)
  expect(decision).toMatchObject({
    grant,
    termsDigest,
    terms,
    requestAct: digestOfAct('requested'),
    approvalActs: [digestOfAct('approval_given')],
    activateAct: digestOfAct('activated'),
    rosterVersion: 1,
    voidIf: ['incident_closed'],
  })
  expect(decision.notAfter - decision.issuedAt).toBe(terms.lifeSeconds * 1000)
  expect(order).toMatchObject({
    op: 'open',
    grant,
    decisionDigest: of('activated')?.decisionDigest,
    privileges: terms.targets[0]?.privileges,
    sealTo,
    applyBefore: decision.issuedAt + 120_000,
    notAfter: decision.notAfter,
    revokeSloSeconds: 60,
    overlapKey: `payments-pg/${grant}`,
  })
})

test('AC-02 TM-08 an approval is over the very millisecond its time is up', async () => {
  const asked = await approved()
  estate.time.pass(600_000)
  expect(await activate(estate, 'ada', asked)).toMatchObject({
    error: { code: 'too_late' },
  })
})

test('AC-05 nobody but the requester takes up an approved request', async () => {
  const files = edited(
    'estate.yaml',
    'payments-oncall: [ada]',
    'payments-oncall: [ada, eve]',
  )
  await reopen(files)
  const asked = await approved()
  expect(await activate(estate, 'eve', asked)).toMatchObject({
    error: { code: 'not_requester' },
  })
  expect(await activate(estate, 'robo', asked)).toMatchObject({
    error: { code: 'not_requester' },
  })
  expect(refusalsOf(estate, 'eve')).toEqual(['not_requester'])
  must(await activate(estate, 'ada', asked))
})

test('activated a hundred times at once, it opens once', async () => {
  const asked = await approved()
  const same = await signActivation(estate, 'ada', asked)
  const others = await Promise.all(
    Array.from({ length: 9 }, () => signActivation(estate, 'ada', asked)),
  )
  const acts = [...Array(10).fill(same), ...others]
  const answers = await Promise.all(acts.map((act) => activateGrant(estate.deps, act)))
  const won = answers.filter(({ ok }) => ok)
  expect(new Set(won.map((answer) => JSON.stringify(answer))).size).toBe(1)
  expect(
    kindsOf(estate, `grant/${asked.grant}`).filter((k) => k === 'activated'),
  ).toHaveLength(1)
})

describe('a change of what was approved voids the grant where it is found', () => {
  const changed = edited(
    'estate.yaml',
    'privileges: ["role:payments_repair"]',
    'privileges: ["role:payments_repair", "role:payments_read"]',
  )

  test('RQ-14 AP-29 by policy: refused as terms_changed, lapsed in the same transaction', async () => {
    await reopen(
      edited('estate.yaml', 'payments-leads: [bob, cy]', 'payments-leads: [bob, cy, eve]'),
    )
    const asked = await request(estate)
    must(await approve(estate, 'cy', asked))
    const files = {
      ...changed,
      'estate.yaml': (changed['estate.yaml'] ?? '').replace(
        'payments-leads: [bob, cy]',
        'payments-leads: [bob, cy, eve]',
      ),
    }
    await applyPolicy(estate, files)
    const before = estate.deps.view().head().size
    expect(await activate(estate, 'ada', asked)).toMatchObject({
      error: { code: 'terms_changed' },
    })
    expect(estate.deps.view().grant(asked.grant)).toMatchObject({
      phase: 'lapsed',
      cause: 'terms_changed',
    })
    const added = estate.deps.view().entries(before - 1, 10)
    expect(added.map(({ entry }) => entry.kind)).toEqual(['lapsed', 'refused'])
    expect(await activate(estate, 'ada', asked)).toMatchObject({
      error: { code: 'wrong_phase' },
    })
  })

  test('RQ-05 what is enforced is what was approved, to the privilege', async () => {
    const { grant, terms } = await activeGrant(estate)
    await applyPolicy(estate, changed)
    const order = entriesOf(estate, `grant/${grant}`).find(({ kind }) => kind === 'ordered')
    expect(opened<OpenOrder>(payloadTypes.order, order?.order).privileges).toEqual(
      terms.targets[0]?.privileges,
    )
  })
})

test('INV-3 an incident closed since the approval keeps the route closed', async () => {
  await reopen(exampleFiles)
  const asked = await approved({ incident: 'inc-1' })
  await closeTheIncident()
  expect(await activate(estate, 'ada', asked)).toMatchObject({
    error: { code: 'route_closed', closed: expect.arrayContaining([expect.anything()]) },
  })
})

async function closeTheIncident() {
  const act = await sign(estate, 'ada', 'close_incident', { body: { incident: 'inc-1' } })
  must(await closeIncident(estate.deps, act))
}

describe('alone', () => {
  test('AC-04 AC-08 the alert is queued in the transaction that opens, and pending until it is heard', async () => {
    await reopen(exampleFiles, 1)
    estate.sinkWorks = false
    const { grant } = await activeGrant(estate, { route: 'solo' })
    expect(
      noticesOf(estate, grant, 'solo_activated').map(({ payload }) => payload.to),
    ).toEqual(['bob', 'cy', 'dee'])
    const unheard = () =>
      noticesOf(estate, grant, 'solo_activated').filter((it) => it.deliveredAt === null)
    await workOff(estate)
    expect(unheard()).toHaveLength(3)
    estate.sinkWorks = true
    estate.time.pass(300_000)
    await workOff(estate)
    expect(unheard()).toEqual([])
  })

  test('AC-04 an alert that cannot be queued keeps the door shut, with nothing entered', async () => {
    await reopen(exampleFiles, 1)
    const asked = await request(estate, { route: 'solo' })
    const db = estate.log.store.database()
    db.exec(`CREATE TEMP TRIGGER deaf BEFORE INSERT ON notices
      WHEN NEW.kind = 'solo_activated' BEGIN SELECT RAISE(IGNORE); END`)
    const size = estate.deps.view().head().size
    expect(await activate(estate, 'ada', asked)).toMatchObject({
      error: { code: 'nobody_to_alert' },
    })
    const added = estate.deps.view().entries(size - 1, 10)
    expect(added.map(({ entry }) => entry.kind)).toEqual(['refused'])
    expect(phaseOf(estate, asked.grant)).toBe('approved')
    db.exec('DROP TRIGGER deaf')
    must(await activate(estate, 'ada', asked))
  })

  test('AC-08 with approvers in reach it takes the worst severity', async () => {
    await expect(request(estate, { route: 'solo' })).rejects.toThrow('solo-needs-evidence')
    estate.time.pass(600_000)
    await request(estate, { route: 'solo' })
  })

  test('AC-08 owners and security are paged at the request and at the opening', async () => {
    await reopen(exampleFiles, 1)
    const { grant } = await activeGrant(estate, { route: 'solo' })
    const pages = noticesOf(estate, grant).filter(
      ({ payload }) => payload.urgency === 'page',
    )
    expect(new Set(pages.map(({ kind }) => kind))).toEqual(
      new Set(['solo_requested', 'approved', 'solo_activated']),
    )
  })
})

test('AC-07 two targets, the outcome on one unknown: the truth of each, and both are ended', async () => {
  const second = `      - target: payments-pg
        enforcer: enf-payments
        privileges: ["role:payments_repair"]
      - target: payments-replica
        enforcer: enf-payments
        privileges: ["role:payments_repair"]`
  const first = `      - target: payments-pg
        enforcer: enf-payments
        privileges: ["role:payments_repair"]`
  await reopen(edited('estate.yaml', first, second))
  const { grant } = await activeGrant(estate)
  must(await report(estate, grant, applied))
  must(await report(estate, grant, { kind: 'unknown' }, { target: 'payments-replica' }))
  expect(estate.deps.view().grant(grant)).toMatchObject({
    phase: 'active',
    targets: [
      { target: 'payments-pg', phase: 'applied' },
      { target: 'payments-replica', phase: 'unknown' },
    ],
  })
  estate.time.pass(600_000)
  await workOff(estate)
  const ends = entriesOf(estate, `grant/${grant}`).filter(({ op }) => op === 'end')
  expect(ends.map((entry) => entry.target)).toEqual(['payments-pg', 'payments-replica'])
  expect(phaseOf(estate, grant)).toBe('expired')
})

import type {
  Beacon,
  Decision,
  EndOrder,
  Json,
  OpenOrder,
  Order,
  ProbeResult,
  Receipt,
  ReceiptDetail,
  ReceiptKind,
  ResealOrder,
  Result,
} from '@halligan/core'
import { privileges, sealKey, terms } from './act-shape.ts'
import {
  digest,
  flag,
  grantId,
  instant,
  integer,
  isRecord,
  listOf,
  type Misshapen,
  nullable,
  object,
  oneOf,
  parseAs,
  type Shape,
  slug,
  text,
} from './shape.ts'

const id = text(128)
const voidIf = listOf(oneOf('incident_closed'), { max: 1 })

const decision = object<Decision>({
  type: oneOf('halligan/decision/v1'),
  decision: id,
  estate: slug,
  grant: grantId,
  termsDigest: digest,
  terms,
  bundleDigest: digest,
  rosterVersion: integer(1),
  factsDigest: digest,
  requestAct: digest,
  approvalActs: listOf(digest, { max: 16 }),
  activateAct: digest,
  issuedAt: instant,
  notAfter: instant,
  voidIf,
})

export const parseDecision = (value: Json): Result<Decision, Misshapen> =>
  parseAs(decision, value)

const orderBase = {
  type: oneOf('halligan/order/v1'),
  order: id,
  estate: slug,
  grant: grantId,
  target: slug,
  enforcer: slug,
  issuedAt: instant,
}

const orders: Readonly<Record<Order['op'], Shape>> = {
  open: object<OpenOrder>({
    ...orderBase,
    op: oneOf('open'),
    decisionDigest: digest,
    privileges,
    sealTo: sealKey,
    applyBefore: instant,
    notAfter: instant,
    revokePlan: listOf(oneOf('lock_out', 'end_sessions', 'remove', 'probe'), {
      min: 1,
      max: 8,
    }),
    revokeSloSeconds: integer(1),
    overlapKey: text(256),
  }),
  end: object<EndOrder>({
    ...orderBase,
    op: oneOf('end'),
    cause: oneOf('revoked', 'returned', 'expired', 'incident_closed'),
  }),
  reseal: object<ResealOrder>({
    ...orderBase,
    op: oneOf('reseal'),
    sealTo: sealKey,
    revealAct: digest,
  }),
}

export const parseOrder = (value: Json): Result<Order, Misshapen> =>
  parseAs(chosenBy('op', orders), value)

const probes = listOf(object<ProbeResult>({ probe: text(64), absent: flag, at: instant }), {
  max: 64,
})

type Detail<K extends ReceiptKind> = Extract<ReceiptDetail, { kind: K }>

const details: Readonly<Record<ReceiptKind, Shape>> = {
  applied: object<Detail<'applied'>>(
    {
      kind: oneOf('applied'),
      sealedDigest: digest,
      revealId: id,
      shared: oneOf(true),
    },
    'shared',
  ),
  refused: object<Detail<'refused'>>({
    kind: oneOf('refused'),
    codes: listOf(text(64), { max: 64 }),
  }),
  unknown: object<Detail<'unknown'>>({ kind: oneOf('unknown') }),
  ending: object<Detail<'ending'>>({
    kind: oneOf('ending'),
    cause: oneOf(
      'deadline',
      'clock',
      'reboot',
      'order',
      'local_root',
      'local_act',
      'kill_switch',
      'late_apply',
    ),
  }),
  absent: object<Detail<'absent'>>({
    kind: oneOf('absent'),
    probes,
    alreadyAbsent: flag,
  }),
  cleaned: object<Detail<'cleaned'>>({
    kind: oneOf('cleaned'),
    diffCommitment: digest,
    findings: integer(0),
  }),
  rotated: object<Detail<'rotated'>>(
    { kind: oneOf('rotated'), probes, account: text(128) },
    'account',
  ),
  struggling: object<Detail<'struggling'>>({
    kind: oneOf('struggling'),
    work: oneOf('apply', 'end', 'rotate', 'clean'),
    attempts: integer(1),
    reasonCommitment: digest,
  }),
  witnessed: object<Detail<'witnessed'>>({
    kind: oneOf('witnessed'),
    what: text(64),
    parts: listOf(
      object<Detail<'witnessed'>['parts'][number]>({ textCommitment: digest }),
      { max: 32 },
    ),
    complete: flag,
  }),
  drifted: object<Detail<'drifted'>>({
    kind: oneOf('drifted'),
    what: text(128),
    object: digest,
  }),
}

const checkpointSeen = object<NonNullable<Receipt['checkpointSeen']>>({
  origin: text(256),
  size: integer(0),
  root: text(44),
})

const receipt = object<Receipt>({
  type: oneOf('halligan/receipt/v1'),
  estate: slug,
  enforcer: slug,
  seq: integer(0),
  prevReceiptDigest: nullable(digest),
  orderDigest: nullable(digest),
  orderIndex: nullable(integer(0)),
  grant: nullable(grantId),
  target: slug,
  checkpointSeen: nullable(checkpointSeen),
  at: instant,
  detail: chosenBy('kind', details),
})

export const parseReceipt = (value: Json): Result<Receipt, Misshapen> =>
  parseAs(receipt, value)

/** `checkpoint` is a signed note, whole: the only text here with line breaks. */
const beacon = object<Beacon>({
  type: oneOf('halligan/beacon/v1'),
  estate: slug,
  nonce: text(256),
  serverTime: instant,
  checkpoint: (value, where) =>
    typeof value === 'string' && value.length <= 65_536 ? null : `${where}: a signed note`,
})

export const parseBeacon = (value: Json): Result<Beacon, Misshapen> =>
  parseAs(beacon, value)

/** The shape that the member `tag` chooses. */
function chosenBy(tag: string, shapes: Readonly<Record<string, Shape>>): Shape {
  return (value, where) => {
    const name = isRecord(value) ? value[tag] : undefined
    const known = typeof name === 'string' && Object.hasOwn(shapes, name)
    const shape = known ? shapes[name] : undefined
    return shape === undefined
      ? `${where === '' ? tag : `${where}.${tag}`}: one of ${Object.keys(shapes).join(', ')}`
      : shape(value, where)
  }
}

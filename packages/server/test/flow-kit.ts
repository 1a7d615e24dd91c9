/** One emergency, move by move, for tests of the verbs. Everything is signed by its author and goes the real way. */
import type {
  Digest,
  Envelope,
  GrantId,
  Instant,
  PrincipalId,
  Receipt,
  ReceiptDetail,
  Roster,
  RouteName,
  Terms,
} from '@halligan/core'
import {
  addSignature,
  base64url,
  digestOf,
  digestOfBytes,
  type Entry,
  payloadDigest,
  payloadTypes,
  sealEnvelope,
  utf8,
} from '@halligan/ledger'
import { nodeCrypto } from '@halligan/ledger/node'
import type { BundleFiles } from '@halligan/policy'
import type { Blob } from '../src/store/port.ts'
import type { ActAnswer, ActInput } from '../src/usecases/accept-act.ts'
import { acceptRoster } from '../src/usecases/accept-roster.ts'
import { activateGrant } from '../src/usecases/activate-grant.ts'
import { approvePolicy } from '../src/usecases/approve-policy.ts'
import { approveRequest } from '../src/usecases/approve-request.ts'
import type { Deps } from '../src/usecases/deps.ts'
import { openIncident } from '../src/usecases/open-incident.ts'
import { prepareAct } from '../src/usecases/prepare-act.ts'
import { proposePolicy } from '../src/usecases/propose-policy.ts'
import { type ReceiptInput, recordReceipt } from '../src/usecases/record-receipt.ts'
import { requestAccess } from '../src/usecases/request-access.ts'
import { runDueWork } from '../src/usecases/run-due-work.ts'
import {
  blobOf,
  digestOfFiles,
  estateName,
  must,
  type Name,
  newGrant,
  person,
  seedOf,
  sign,
  signerOf,
  type TestEstate,
  target,
} from './estate-kit.ts'

export type Ask = Readonly<{
  by?: Name
  route?: RouteName
  entitlement?: string
  incident?: string
  lifeSeconds?: number
  reason?: string
  grant?: GrantId
  actsFor?: readonly PrincipalId[]
}>

export async function declareIncident(
  estate: TestEstate,
  incident = 'inc-1',
  severity = 2,
): Promise<ActAnswer> {
  const title = blobOf('payments are stuck')
  const input = await sign(estate, 'ada', 'open_incident', {
    body: {
      incident,
      severity,
      systems: ['payments-db'],
      titleCommitment: title.commitment,
    },
    blobs: [title],
  })
  return must(await openIncident(estate.deps, input))
}

export type Asked = Readonly<{
  grant: GrantId
  termsDigest: Digest
  terms: Terms
  input: ActInput
}>

/** Prepares and signs a request, and sends nothing. */
export async function signRequest(estate: TestEstate, ask: Ask = {}): Promise<Asked> {
  const by = ask.by ?? 'ada'
  const reason = blobOf(ask.reason ?? 'the ledger of payments is locked')
  const grant = ask.grant ?? newGrant()
  const prepared = must(
    await prepareAct(estate.deps, person(by), {
      verb: 'request',
      grant,
      entitlement: ask.entitlement ?? 'payments-db-repair',
      incident: ask.incident ?? 'inc-1',
      route: ask.route ?? 'quorum',
      lifeSeconds: ask.lifeSeconds ?? 600,
      reasonCommitment: reason.commitment,
      ...(ask.actsFor === undefined ? {} : { actsFor: ask.actsFor }),
    }),
  )
  const terms = prepared.terms as Terms
  const termsDigest = digestOf(nodeCrypto, terms)
  const input = await sign(estate, by, 'request', {
    grant,
    termsDigest,
    body: { terms },
    blobs: [reason],
    nonce: prepared.nonce,
  })
  return { grant, termsDigest, terms, input }
}

/** A request that stands. */
export async function request(estate: TestEstate, ask: Ask = {}): Promise<Asked> {
  const asked = await signRequest(estate, ask)
  must(await requestAccess(estate.deps, asked.input))
  return asked
}

type About = Readonly<{ grant: GrantId; termsDigest: Digest }>

export const signApproval = (estate: TestEstate, by: Name, { grant, termsDigest }: About) =>
  sign(estate, by, 'approve', { grant, termsDigest, body: {} })

export const approve = async (estate: TestEstate, by: Name, about: About) =>
  await approveRequest(estate.deps, await signApproval(estate, by, about))

export const sealTo = {
  kty: 'OKP',
  crv: 'X25519',
  x: base64url.encode(seedOf('x')),
} as const

export const signActivation = (
  estate: TestEstate,
  by: Name,
  { grant, termsDigest }: About,
) => sign(estate, by, 'activate', { grant, termsDigest, body: { sealTo } })

export const activate = async (estate: TestEstate, by: Name, about: About) =>
  await activateGrant(estate.deps, await signActivation(estate, by, about))

/** An active grant by the quorum route. */
export async function activeGrant(estate: TestEstate, ask: Ask = {}): Promise<Asked> {
  const asked = await request(estate, ask)
  if ((ask.route ?? 'quorum') === 'quorum')
    for (let i = 0; i < asked.terms.route.approvals; i++)
      must(await approve(estate, i === 0 ? 'bob' : 'cy', asked))
  must(await activate(estate, ask.by ?? 'ada', asked))
  return asked
}

/** What the enforcer of the example reports next of `grant`. */
export const report = async (
  estate: TestEstate,
  grant: GrantId | null,
  detail: ReceiptDetail,
  lie: Readonly<Partial<Receipt>> = {},
) => await recordReceipt(estate.deps, signReceipt(estate, grant, detail, lie))

/** The next receipt, `lie` aside, and nothing sent. */
export function signReceipt(
  { deps }: Readonly<{ deps: Pick<Deps, 'view' | 'clock'> }>,
  grant: GrantId | null,
  detail: ReceiptDetail,
  lie: Readonly<Partial<Receipt>> = {},
  blobs: readonly Blob[] = [],
): ReceiptInput {
  const last = deps.view().lastReceipt('enf-payments')
  const order = grant === null ? null : openOrderDigest(deps, grant, lie.target ?? target)
  const receipt: Receipt = {
    type: 'halligan/receipt/v1',
    estate: estateName,
    enforcer: 'enf-payments',
    seq: (last?.seq ?? 0) + 1,
    prevReceiptDigest: last?.digest ?? null,
    orderDigest: order,
    orderIndex: order === null ? null : 1,
    grant,
    target,
    checkpointSeen: null,
    at: deps.clock.now(),
    detail,
    ...lie,
  }
  const envelope = sealEnvelope(payloadTypes.receipt, receipt, signerOf('enf-payments'))
  const sealed = detail.kind === 'applied' ? { jwe, revealId: detail.revealId } : null
  return { receipt: envelope, blobs, ...(sealed === null ? {} : { sealed }) }
}

/** Null where no order was given. */
function openOrderDigest(
  deps: Pick<Deps, 'view'>,
  grant: GrantId,
  at: string,
): Digest | null {
  const view = deps.view()
  const found = view
    .entriesOf(`grant/${grant}`)
    .find(({ entry }) => entry.op === 'open' && entry.target === at)
  return found === undefined
    ? null
    : payloadDigest(nodeCrypto, found.entry.order as Envelope)
}

export const jwe = 'sealed.to.ada'
export const applied: ReceiptDetail = {
  kind: 'applied',
  sealedDigest: digestOfBytes(nodeCrypto, utf8(jwe)),
  revealId: 'r-1',
}
export const gone = [{ probe: 'pg_authid', absent: true, at: 0 as Instant }]
export const absent: ReceiptDetail = { kind: 'absent', probes: gone, alreadyAbsent: false }

export const phaseOf = ({ deps }: TestEstate, grant: GrantId) =>
  deps.view().grant(grant)?.phase

export const entriesOf = ({ deps }: TestEstate, subject: string): readonly Entry[] =>
  deps
    .view()
    .entriesOf(subject)
    .map(({ entry }) => entry)

export const noticesOf = ({ deps }: TestEstate, grant: GrantId, kind?: string) =>
  deps
    .view()
    .notices({ grant }, 500)
    .filter((notice) => kind === undefined || notice.kind === kind)

/** Kinds of all entries of a subject, in order. */
export const kindsOf = ({ deps }: TestEstate, subject: string) =>
  deps
    .view()
    .entriesOf(subject)
    .map(({ entry }) => entry.kind)

/** The refused entries of a principal, as codes. */
export const refusalsOf = ({ deps }: TestEstate, who: Name) =>
  deps
    .view()
    .entriesOf(`principal/${who}`)
    .flatMap(({ entry }) => (entry.kind === 'refused' ? [entry.code] : []))

export const after = ({ deps }: TestEstate, seconds: number) =>
  (deps.clock.now() + seconds * 1000) as Instant

/** Puts `files` in force: bob proposes, cy and dee of security approve. */
export async function applyPolicy(estate: TestEstate, files: BundleFiles): Promise<Digest> {
  const bundleDigest = digestOfFiles(files)
  const body = { bundleDigest }
  const proposal = await sign(estate, 'bob', 'propose_policy', { body })
  must(await proposePolicy(estate.deps, { ...proposal, bundle: files }))
  for (const by of ['cy', 'dee'] as const)
    must(
      await approvePolicy(estate.deps, await sign(estate, by, 'approve_policy', { body })),
    )
  return bundleDigest
}

/** All that is due, and the sink heard out. */
export async function workOff({ deps }: TestEstate): Promise<void> {
  const { told } = await runDueWork(deps)
  await told
}

/** The next roster, changed by `edit` and signed by two trustees. */
export async function nextRoster(
  estate: TestEstate,
  edit: (roster: Roster) => Partial<Roster>,
  signers: readonly Name[] = ['bob', 'cy'],
) {
  const { roster, digest } = estate.deps.inForce.roster(estate.deps.view())
  const next = {
    ...roster,
    version: roster.version + 1,
    prevDigest: digest,
    ...edit(roster),
  }
  const unsigned = sealEnvelope(payloadTypes.roster, next)
  const envelope = signers.reduce(
    (one, name) => addSignature(one, signerOf(name)),
    unsigned,
  )
  return await acceptRoster(estate.deps, { roster: envelope })
}

/**
 * One conversation with the control plane: ask with a fresh nonce, prove what comes back against what was believed before,
 * write the higher trust down, then end, reseal and open as told. Level-triggered: every answer is the whole desired state,
 * so a lost message loses nothing, and what an answer leaves out ends nothing.
 *
 * @module
 */
import type { SyncAnswer } from '@halligan/contract'
import type {
  Digest,
  EndOrder,
  Envelope,
  GrantId,
  Order,
  Result,
  Roster,
} from '@halligan/core'
import { ok, refuse } from '@halligan/core'
import {
  base64url,
  parseOrder,
  payloadDigest,
  payloadTypes,
  readEnvelope,
  sealEnvelope,
  verifyEnvelope,
} from '@halligan/ledger'
import { acceptCheckpoint, acceptRosters } from '@halligan/sdk'
import { beginEnds, type Ending } from './begin-end.ts'
import { pinnedRoster } from './end-locally.ts'
import type { Heard } from './heard.ts'
import { type Admitted, admit, memberOf } from './open-grant.ts'
import type { Unanswered } from './ports.ts'
import { type AdmittedReseal, admitReseal } from './reseal-grant.ts'
import type { Site } from './site.ts'
import { type Hold, holdIn } from './state.ts'
import { BooksUnwritable } from './store/port.ts'

/** What an answer left to be done in the lanes. Ends are written down already. */
export type Told = Readonly<{
  opens: readonly Admitted[]
  reseals: readonly AdmittedReseal[]
  /** Applied here, and mentioned by the answer in no way. */
  unlisted: ReadonlySet<GrantId>
}>

export async function sync(site: Site): Promise<Result<Told, Unanswered>> {
  const heard = await ask(site)
  if (!heard.ok) return heard
  obeyEnds(site, heard.value)
  if (!heard.value.written)
    return refuse({ code: 'books_unwritable', detail: 'nothing is opened until they are' })
  const { opens, reseals } = heard.value.answer
  return ok({
    // The fence only rises, so the older of two orders for one account goes first.
    opens: opens
      .flatMap((opening) => admit(site, heard.value, opening) ?? [])
      .sort((one, other) => one.proven.orderIndex - other.proven.orderIndex),
    reseals: reseals.flatMap((reseal) => admitReseal(site, heard.value, reseal) ?? []),
    unlisted: unlistedIn(site, heard.value.answer),
  })
}

async function ask(site: Site): Promise<Result<Heard, Unanswered>> {
  const { books, clock, controlPlane, random } = site
  const beaconNonce = base64url.encode(random.bytes(16))
  const trustBefore = books.trust()
  const asked = clock.read()
  const statement = {
    type: 'halligan/sync/v1',
    estate: site.estate,
    enforcer: site.enforcer,
    checkpointSeen: trustBefore.checkpoint,
    generation: books.generation(),
    beaconNonce,
    at: asked.wall,
  } as const
  const envelope = sealEnvelope(payloadTypes.sync, statement, site.signer)
  const answered = await controlPlane.sync(envelope)
  if (!answered.ok) return answered
  const now = clock.read()
  const heard = {
    answer: answered.value,
    beaconNonce,
    askedAtBoot: asked.bootMillis,
    answeredAtBoot: now.bootMillis,
    wallNow: now.wall,
    trustBefore,
  }
  try {
    return ok({ ...heard, accepted: await moveTrust(site, heard), written: true })
  } catch (error) {
    if (!(error instanceof BooksUnwritable)) throw error
    return ok({ ...heard, accepted: null, written: false })
  }
}

/** Roster chain and checkpoint, proven from what was seen and written down before anything is opened (INV-13, INV-15). */
async function moveTrust(
  site: Site,
  { answer, trustBefore }: Omit<Heard, 'accepted' | 'written'>,
): Promise<Heard['accepted']> {
  const { crypto, estate, books } = site
  const { rosters, checkpoint } = trustBefore
  const trust = { estate, rosterDigest: pinnedIn(site, rosters), rosters, checkpoint }
  const chain = acceptRosters(crypto, trust, answer.rosters)
  if (!chain.ok) return distrust(site, chain.error.code)
  const head = await acceptCheckpoint(
    crypto,
    checkpoint,
    chain.value,
    answer.checkpoint,
    async () => ok(answer.consistency ?? []),
  )
  if (!head.ok) return distrust(site, head.error.code)
  books.atomically(() => {
    books.keepGeneration(answer.generation)
    // Last, for it is in memory from then on.
    books.keepTrust({ rosters: answer.rosters, checkpoint: head.value })
  })
  return { roster: chain.value.latest, head: head.value }
}

function distrust(site: Site, code: string): null {
  site.log({ level: 'alarm', what: 'control_plane_untrusted', code })
  return null
}

const pinnedIn = (site: Site, rosters: Heard['trustBefore']['rosters']): Digest => {
  const last = rosters.at(-1)
  return last === undefined ? site.pinned : payloadDigest(site.crypto, last)
}

/**
 * Any end order signed by an issuer key of the pinned roster, retired or not, proven or not, in or out of SAFE MODE: ending
 * early is always safe (INV-18).
 */
function obeyEnds(site: Site, { answer }: Heard): void {
  const roster = pinnedRoster(site)
  if (roster === null) return
  const { books } = site
  let room = mostUnopened - books.unfinished().filter(isUnopened).length
  const endings: Ending[] = []
  for (const { order: envelope, proof } of answer.ends) {
    if (isEndingAlready(site, envelope)) continue
    const place = signedEnd(site, roster, envelope)
    if (place === null) continue
    const unopened = holdIn(books.hold(place.grant, place.target), 'none', 'refused')
    if (unopened && room <= 0) continue
    if (unopened) room -= 1
    // Without a proof it may stand in the journal alone, and to the log a receipt that names it is of no order.
    const orderDigest = payloadDigest(site.crypto, envelope)
    const about = proof === undefined ? null : { orderDigest, orderIndex: null }
    const expired = place.cause === 'expired' ? { expired: true as const } : {}
    endings.push({ place, cause: 'order', about, ...expired })
  }
  beginEnds(site, endings)
}

/**
 * Ends of what was never opened here keep the door shut, and are a probe each. More than these wait until some are done:
 * the server says them again, and one that lies cannot bury what really has to end (INV-25).
 */
export const mostUnopened = 64

const isUnopened = (hold: Hold): boolean => holdIn(hold, 'ending') && hold.opened === null

/** Then the order changes nothing, whoever signed it, and it costs no check of a signature: every answer says it again. */
function isEndingAlready({ books }: Site, envelope: Envelope): boolean {
  const order = orderIn(envelope)
  return order !== null && holdIn(books.hold(order.grant, order.target), 'ending', 'absent')
}

/** The end in `envelope`, if an issuer signed it, for a target of this enforcer. */
function signedEnd(site: Site, roster: Roster, envelope: Envelope): EndOrder | null {
  const keys = roster.issuers.map(({ keyId, key }) => ({ keyId, pub: key }))
  const signed = verifyEnvelope(site.crypto, payloadTypes.order, envelope, keys)
  const order = signed.ok ? parseOrder(signed.value.value) : signed
  if (!order.ok || order.value.op !== 'end' || order.value.estate !== site.estate) {
    site.log({ level: 'alarm', what: 'unsigned_end' })
    return null
  }
  return site.connectors.has(order.value.target) ? order.value : null
}

/** What the answer does not mention although it is applied here: reported as drift, and nothing else. */
function unlistedIn(
  site: Site,
  { opens, ends, listed: answered = [] }: SyncAnswer,
): ReadonlySet<GrantId> {
  const orders = [
    ...opens.map(({ order }) => memberOf(order.entry, 'order')),
    ...ends.map(({ order }) => order),
  ]
  const listed = new Set([
    ...answered,
    ...orders.map((order) => (order === null ? null : grantOf(order))),
  ])
  return new Set(
    site.books
      .unfinished()
      .filter((hold) => holdIn(hold, 'applied') && !listed.has(hold.grant))
      .map(({ grant }) => grant),
  )
}

const grantOf = (envelope: Envelope): GrantId | null => orderIn(envelope)?.grant ?? null

/** What it says, whoever signed it. */
function orderIn(envelope: Envelope): Order | null {
  const read = readEnvelope(payloadTypes.order, envelope)
  const order = read.ok ? parseOrder(read.value.value) : read
  return order.ok ? order.value : null
}

import type { Digest, Json } from '@halligan/core'
import { type Entry, payloadDigest } from '@halligan/ledger'
import { verifyIncluded } from '@halligan/sdk'
import { pinnedRoster } from './end-locally.ts'
import { memberOf } from './open-grant.ts'
import type { Acknowledged } from './ports.ts'
import type { Site } from './site.ts'
import type { Outgoing } from './store/port.ts'

/** How many receipts are read from the outbox at a time. */
const batch = 32

/**
 * Sends what waits in the outbox, oldest first, and forgets each receipt against a proof that the log holds it. False when
 * something is left: the control plane did not answer, or did not prove.
 */
export async function deliverReceipts(site: Site): Promise<boolean> {
  for (;;) {
    const waiting = site.books.outgoing(batch)
    for (const outgoing of waiting) if (!(await deliverOne(site, outgoing))) return false
    if (waiting.length === 0) return true
  }
}

async function deliverOne(
  site: Site,
  { seq, digest, delivery }: Outgoing,
): Promise<boolean> {
  const answered = await site.controlPlane.deliver(delivery)
  if (!answered.ok) {
    const { code, detail } = answered.error
    site.log({ level: 'warn', what: 'receipt_undelivered', seq, code, detail })
    return false
  }
  const why = whyNotRecorded(site, digest, answered.value)
  if (why !== null) {
    site.log({ level: 'alarm', what: 'receipt_unproven', seq, code: why })
    return false
  }
  site.books.forgetReceipt(seq)
  return true
}

/** Why the answer does not show this very receipt under a checkpoint of the roster's log. */
function whyNotRecorded(
  site: Site,
  digest: Digest,
  { entry, proof }: Acknowledged,
): string | null {
  const roster = pinnedRoster(site)
  if (roster === null) return 'no_roster'
  if (!holdsReceipt(site, entry, digest)) return 'another_receipt'
  const included = verifyIncluded(site.crypto, roster.logs, {
    entry: entry as Entry,
    proof,
  })
  return included.ok ? null : included.error.code
}

function holdsReceipt(site: Site, entry: Json, digest: Digest): boolean {
  const receipt = memberOf(entry, 'receipt')
  return receipt !== null && payloadDigest(site.crypto, receipt) === digest
}

import type { Digest, Receipt, ReceiptDetail } from '@halligan/core'
import {
  base64url,
  commit,
  payloadDigest,
  payloadTypes,
  sealEnvelope,
} from '@halligan/ledger'
import type { Blob, Delivery } from './ports.ts'
import type { Place, Site } from './site.ts'

/** What a receipt is about. Only drift that no order explains has neither order nor grant. */
export type Subject = Readonly<{
  grant: Place['grant'] | null
  target: string
  about: Readonly<{ orderDigest: Digest; orderIndex: number | null }> | null
}>

/**
 * Signs the next receipt of this enforcer and puts it in the outbox, in the caller's transaction if there is one. The
 * chain is unbroken: number and digest of the one before are inside, whether or not that one has been delivered.
 */
export function report(
  site: Site,
  { grant, target, about }: Subject,
  detail: ReceiptDetail,
  beside: Omit<Delivery, 'receipt'> = { blobs: [] },
): void {
  const { books, crypto, estate, enforcer, signer } = site
  books.atomically(() => {
    const last = books.lastReceipt()
    const receipt: Receipt = {
      type: 'halligan/receipt/v1',
      estate,
      enforcer,
      seq: (last?.seq ?? 0) + 1,
      prevReceiptDigest: last?.digest ?? null,
      orderDigest: about?.orderDigest ?? null,
      orderIndex: about?.orderIndex ?? null,
      grant,
      target,
      checkpointSeen: books.trust().checkpoint,
      at: site.clock.read().wall,
      detail,
    }
    const envelope = sealEnvelope(payloadTypes.receipt, receipt, signer)
    const digest = payloadDigest(crypto, envelope)
    const delivery = { receipt: envelope, ...beside }
    books.appendReceipt({ seq: receipt.seq, digest, delivery })
  })
  site.log({
    level: detail.kind === 'refused' || detail.kind === 'drifted' ? 'alarm' : 'info',
    what: `receipt_${detail.kind}`,
    grant,
    target,
    detail,
  })
}

/** Text that the ledger commits to and does not hold. The salt is made here, by its author. */
export function blobOf(site: Site, text: string): Blob {
  const salt = site.random.bytes(32)
  const commitment = commit(site.crypto, salt, new TextEncoder().encode(text))
  return { commitment, salt: base64url.encode(salt), text }
}

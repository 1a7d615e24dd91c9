import type { Envelope, GrantId, OpenOrder } from '@halligan/core'
import { payloadTypes, readEnvelope } from '@halligan/ledger'
import type { View } from '../store/port.ts'

/** The order that opened `grant` on `target`, as it was signed. Throws if the ledger holds none. */
export function openOrderOf(view: View, grant: GrantId, target: string): OpenOrder {
  const found = view
    .entriesOf(`grant/${grant}`)
    .find(
      ({ entry }) =>
        entry.kind === 'ordered' && entry.op === 'open' && entry.target === target,
    )
  const read =
    found === undefined
      ? null
      : readEnvelope<OpenOrder>(payloadTypes.order, found.entry.order as Envelope)
  if (read === null || !read.ok)
    throw new Error(`corrupt ledger: ${grant} has no order for ${target}`)
  return read.value.value
}

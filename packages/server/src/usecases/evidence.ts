import type { Commitment, Digest, Envelope, GrantId, Json } from '@halligan/core'
import { base64, type Crypto, digestOf } from '@halligan/ledger'
import type { View } from '../store/port.ts'

/** What a verdict is bound to: every entry of the grant, in order, and every text they close over. */
export type Evidence = Readonly<{
  entries: readonly Digest[]
  /** Sorted, each once. */
  blobs: readonly Commitment[]
  digest: Digest
}>

export function evidenceOf(crypto: Crypto, view: View, grant: GrantId): Evidence {
  const placed = view.entriesOf(`grant/${grant}`)
  const entries = placed.map(({ entry }) => entry.id)
  const blobs = [...new Set(placed.flatMap(({ entry }) => commitmentsIn(entry)))].sort()
  return { entries, blobs, digest: digestOf(crypto, { entries, blobs }) }
}

/** Members that hold commitments are named for it, in entries and in the acts and receipts inside them. */
export function commitmentsIn(value: Json): readonly Commitment[] {
  if (typeof value !== 'object' || value === null) return []
  if (Array.isArray(value)) return value.flatMap(commitmentsIn)
  if (isEnvelope(value)) return commitmentsIn(payloadIn(value))
  return Object.entries(value).flatMap(([name, member]) =>
    typeof member === 'string' && isCommitmentName(name)
      ? [member as Commitment]
      : commitmentsIn(member),
  )
}

const isCommitmentName = (name: string): boolean =>
  name.endsWith('Commitment') || name === 'object'

const isEnvelope = (value: object): value is Envelope =>
  'payloadType' in value && 'payload' in value

/** Verified before it was entered, so it is read here without asking again. */
function payloadIn({ payload }: Envelope): Json {
  const bytes = base64.decode(payload)
  if (bytes === null) throw new Error('corrupt ledger: a payload is not base64')
  return JSON.parse(new TextDecoder().decode(bytes))
}

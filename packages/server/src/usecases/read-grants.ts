import {
  type Grant,
  type GrantId,
  ok,
  type PrincipalId,
  type Result,
  refuse,
} from '@halligan/core'
import type { Blob, Notice, Placed, View } from '../store/port.ts'
import type { Deps } from './deps.ts'
import { evidenceOf } from './evidence.ts'
import type { Refusal } from './refusal.ts'

export type KeptBlob = Blob | Readonly<{ commitment: Blob['commitment']; erased: true }>

export type GrantStory = Readonly<{
  grant: Grant
  entries: readonly Placed[]
  blobs: readonly KeptBlob[]
  notices: readonly Notice[]
}>

const mostNotices = 500

/** One grant, all that happened to it, its texts verbatim, and who was told. */
export function readGrant(deps: Deps, id: GrantId): Result<GrantStory, Refusal> {
  const view = deps.view()
  const grant = view.grant(id)
  if (grant === null) return refuse({ code: 'unknown_grant' })
  const below = deps.writer.frontier().head.size
  return ok({
    grant,
    entries: view.entriesOf(`grant/${id}`).filter(({ index }) => index < below),
    blobs: blobsOf(deps, view, id),
    notices: view.notices({ grant: id }, mostNotices),
  })
}

/** Texts that came, or the word that they were erased. One that never came is left out. */
export const blobsOf = (deps: Deps, view: View, id: GrantId): readonly KeptBlob[] =>
  keptBlobs(view, evidenceOf(deps.crypto, view, id).blobs)

export const keptBlobs = (
  view: View,
  commitments: readonly Blob['commitment'][],
): readonly KeptBlob[] =>
  commitments.flatMap((commitment): readonly KeptBlob[] => {
    const blob = view.blob(commitment)
    if (blob === 'erased') return [{ commitment, erased: true }]
    return blob === null ? [] : [blob]
  })

/** The ciphertext for its requester alone; the exposure stands in the log already (INV-2). */
export function readSealed(
  deps: Deps,
  reader: PrincipalId,
  id: GrantId,
  target: string,
): Result<NonNullable<ReturnType<View['sealed']>>, Refusal> {
  const view = deps.view()
  const grant = view.grant(id)
  if (grant === null) return refuse({ code: 'unknown_grant' })
  if (grant.terms.requester !== reader) return refuse({ code: 'not_requester' })
  const sealed = view.sealed(id, target)
  return sealed === null ? refuse({ code: 'not_sealed' }) : ok(sealed)
}

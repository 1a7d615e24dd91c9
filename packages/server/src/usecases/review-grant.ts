import { ok } from '@halligan/core'
import type { ActInput } from './accept-act.ts'
import { actOnGrant } from './act-on-grant.ts'
import type { Deps } from './deps.ts'
import { evidenceOf } from './evidence.ts'

/** A verdict on what was read. A later one supersedes it and stands beside it (RV-08). */
export const reviewGrant = (deps: Deps, input: ActInput) =>
  actOnGrant(deps, 'review', input, {
    action: 'review',
    opens: ({ act: { body } }) => [
      body.noteCommitment,
      ...body.followUps.map(({ noteCommitment }) => noteCommitment),
    ],
    command: (tx, { act, by, envelope }, grant) => {
      const { finding, evidenceDigest, followUps, noteCommitment } = act.body
      return ok({
        kind: 'review',
        by: act.by,
        reviewerKind: by.kind,
        finding,
        evidenceDigest,
        currentEvidence: evidenceOf(deps.crypto, tx, grant.id).digest,
        followUps,
        noteCommitment,
        act: envelope,
      })
    },
  })

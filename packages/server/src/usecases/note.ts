import type { Commitment } from '@halligan/core'

/** The note of an act that may carry one. */
export const noteOf = ({
  noteCommitment,
}: Readonly<{ noteCommitment?: Commitment }>): readonly Commitment[] =>
  noteCommitment === undefined ? [] : [noteCommitment]

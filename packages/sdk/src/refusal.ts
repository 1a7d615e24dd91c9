import type { Json } from '@halligan/core'

/** Which of the client's own checks the server's answer failed. */
export type DeceptionCode =
  | 'malformed_answer'
  | 'roster_untrusted'
  | 'roster_rolled_back'
  | 'roster_forked'
  | 'checkpoint_unsigned'
  | 'checkpoint_rolled_back'
  | 'checkpoint_forked'
  | 'entry_not_included'
  | 'other_entry'
  | 'terms_differ'
  | 'terms_digest_differs'
  | 'request_not_signed'
  | 'commitment_not_opened'
  | 'receipt_unsigned'
  | 'receipt_of_another'
  | 'decision_unsigned'
  | 'order_unsigned'
  | 'order_of_another'
  | 'sealed_differs'
  | 'sealed_to_another'

/** Why a call brought nothing. `refused` comes from the server; `deceived` is what its answer failed here. */
export type ClientRefusal = Readonly<
  | {
      kind: 'refused'
      code: string
      status: number
      title: string
      detail: string
      /** What to do next, in the server's words; never run, only shown. */
      next: string
      problem: Json
    }
  | { kind: 'deceived'; code: DeceptionCode; detail: string }
  | { kind: 'unreachable'; code: 'unreachable' | 'not_halligan'; detail: string }
>

export const deceived = (code: DeceptionCode, detail: string) =>
  ({ ok: false, error: { kind: 'deceived', code, detail } }) as const

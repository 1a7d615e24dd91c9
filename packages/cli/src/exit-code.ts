/** What a script may rely on. Documented in `halligan --help`; never renumbered. */
export const exitCode = {
  ok: 0,
  /** The server refused, a step failed, or a proof did not hold. */
  refused: 1,
  /** The command line is wrong, or nothing here is trusted yet. */
  usage: 2,
  /** Nobody answered, or the outcome is unknown: ask again, an act is only counted once. */
  unreachable: 3,
  /** The server's answer does not verify. Nothing was signed or opened after it. */
  deceived: 4,
  /** The person said no. */
  cancelled: 5,
} as const

export type ExitCode = (typeof exitCode)[keyof typeof exitCode]

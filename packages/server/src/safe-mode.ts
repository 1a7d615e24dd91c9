/**
 * SAFE MODE (PROTOCOL 7): no new access, ending goes on.
 *
 * Causes of the first kind clear themselves when the check that found them passes. A contradiction of signed
 * evidence does not: nothing is appended until a roster version closes the log at a stated head.
 *
 * @module
 */

export const passingCauses = [
  'clock_jumped',
  'unknown_commit',
  'anchor_unreachable',
  'log_unverified',
] as const
export const contradictions = [
  'rollback',
  'fork',
  'bad_entry',
  'projection',
  'wrong_origin',
  'store_replaced',
] as const

export type PassingCause = (typeof passingCauses)[number]
export type Contradiction = (typeof contradictions)[number]
export type Cause = PassingCause | Contradiction

export type CauseReport = Readonly<{ cause: Cause; detail: string }>

export interface SafeMode {
  /** Empty: all is well. In the order in which they were found. */
  causes(): readonly CauseReport[]
  /** Whether signed evidence is contradicted, so that nothing may be appended to this log. */
  contradicted(): boolean
  has(cause: Cause): boolean
  enter(cause: Cause, detail: string): void
  /** How it stands with a cause that stands. Tells nobody. */
  describe(cause: PassingCause, detail: string): void
  /** A check passed. Contradictions have none. */
  leave(cause: PassingCause): void
  /** Called at each entry and exit. Returns how to stop. */
  onChange(listener: (change: SafeModeChange) => void): () => void
}

export type SafeModeChange = Readonly<{ kind: 'entered' | 'left' } & CauseReport>

export function createSafeMode(): SafeMode {
  const standing = new Map<Cause, string>()
  const listeners = new Set<(change: SafeModeChange) => void>()
  const tell = (change: SafeModeChange) => {
    for (const listener of listeners) listener(change)
  }
  return {
    causes: () => [...standing].map(([cause, detail]) => ({ cause, detail })),
    contradicted: () => contradictions.some((cause) => standing.has(cause)),
    has: (cause) => standing.has(cause),
    enter(cause, detail) {
      if (standing.has(cause)) return
      standing.set(cause, detail)
      tell({ kind: 'entered', cause, detail })
    },
    describe(cause, detail) {
      if (standing.has(cause)) standing.set(cause, detail)
    },
    leave(cause) {
      const detail = standing.get(cause)
      if (detail === undefined) return
      standing.delete(cause)
      tell({ kind: 'left', cause, detail })
    },
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

export const isPassing = (cause: Cause): cause is PassingCause =>
  (passingCauses as readonly Cause[]).includes(cause)

import type { Instant } from '@halligan/core'

/** The target's own clock was past `applyBefore`. Thrown within a step; becomes an answer once what was made is ended. */
export class TooLate extends Error {
  override readonly name = 'TooLate'
  readonly targetNow: Instant
  constructor(targetNow: Instant) {
    super('the target is past applyBefore')
    this.targetNow = targetNow
  }
}

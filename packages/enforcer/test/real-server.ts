import { describe, test } from 'vitest'
import { type RealServerName, whyMissing } from '../../../scripts/real-servers.ts'

/** A suite at a real server of Debian's, or with a tool of Debian's. */
export const describeAt = (name: RealServerName, suite: () => void): void =>
  describeUnless(whyMissing(name), name, suite)

/**
 * A suite that `why` cannot run here; null: it can. It is skipped, and its name says why; in continuous integration it fails.
 */
export function describeUnless(why: string | null, title: string, suite: () => void): void {
  if (why === null) {
    describe(title, suite)
    return
  }
  const words = `${title}: ${why}`
  if (process.env.CI === undefined) describe.skip(words, suite)
  else
    test(words, () => {
      throw new Error(words)
    })
}

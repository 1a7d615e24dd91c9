import { describe, test } from 'vitest'
import {
  howToInstall,
  isInstalled,
  type RealServerName,
} from '../../../scripts/real-servers.ts'

/**
 * A suite at a real server of Debian's. Where it is not installed, the suite is skipped and its name says how to install it;
 * in continuous integration it fails.
 */
export function describeAt(name: RealServerName, suite: () => void): void {
  if (isInstalled(name)) {
    describe(name, suite)
    return
  }
  const title = `${name} is not installed: ${howToInstall([name])}`
  if (process.env.CI === undefined) describe.skip(title, suite)
  else
    test(title, () => {
      throw new Error(title)
    })
}

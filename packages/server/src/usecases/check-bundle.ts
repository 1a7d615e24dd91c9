import { type Result, refuse } from '@halligan/core'
import { type Bundle, type BundleFiles, checkBundle as check } from '@halligan/policy'
import type { Deps } from './deps.ts'
import type { Refusal } from './refusal.ts'

/** The bundle, if it passes all that it must before it may come into force here. Slow. */
export function checkBundle(deps: Deps, files: BundleFiles): Result<Bundle, Refusal> {
  const { directory } = deps.inForce.roster(deps.view())
  const checked = check(deps.crypto, files, directory)
  return checked.ok ? checked : refuse({ code: 'bad_bundle', problems: checked.error })
}

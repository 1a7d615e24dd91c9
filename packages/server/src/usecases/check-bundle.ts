import { type Result, refuse } from '@halligan/core'
import {
  type Bundle,
  type BundleFiles,
  type BundleProblem,
  lintBundle,
  loadBundle,
  testBundle,
} from '@halligan/policy'
import type { Deps } from './deps.ts'
import type { Refusal } from './refusal.ts'

/** The bundle, if it loads, has nothing that lint objects to, and passes its own tests. Slow. */
export function checkBundle(deps: Deps, files: BundleFiles): Result<Bundle, Refusal> {
  const loaded = loadBundle(deps.crypto, files)
  if (!loaded.ok) return rejected(loaded.error)
  const { directory } = deps.inForce.roster(deps.view())
  const problems = [...lintBundle(loaded.value, directory), ...failures(loaded.value)]
  return problems.length === 0 ? loaded : rejected(problems)
}

const failures = (bundle: Bundle): readonly BundleProblem[] =>
  testBundle(bundle)
    .filter((result) => !result.ok)
    .map(({ file, line, name, detail }) => ({ file, line, reason: `${name}: ${detail}` }))

const rejected = (problems: readonly BundleProblem[]) =>
  refuse({ code: 'bad_bundle', problems } as const)

import { ok, type Result, refuse } from '@halligan/core'
import type { Crypto } from '@halligan/ledger'
import { type Bundle, type BundleFiles, loadBundle } from './bundle.ts'
import { lintBundle } from './lint.ts'
import type { BundleProblem } from './problem.ts'
import type { People } from './reach.ts'
import { testBundle } from './trial.ts'

/** All that a bundle must pass before it may come into force: it reads, it lints, its tests hold. */
export function checkBundle(
  crypto: Crypto,
  files: BundleFiles,
  people: People = null,
): Result<Bundle, readonly BundleProblem[]> {
  const loaded = loadBundle(crypto, files)
  if (!loaded.ok) return loaded
  const failed = testBundle(loaded.value).filter((result) => !result.ok)
  const problems = [
    ...lintBundle(loaded.value, people),
    ...failed.map(({ file, line, name, detail }) => ({
      file,
      line,
      reason: `test failed: ${name}: ${detail}`,
    })),
  ]
  return problems.length === 0 ? ok(loaded.value) : refuse(problems)
}

import {
  type Digest,
  type Facts,
  ok,
  type Result,
  type Ruling,
  refuse,
} from '@halligan/core'
import { type Crypto, digestOf } from '@halligan/ledger'
import { type Policy, readPolicies } from './cedar.ts'
import { type Estate, readEstate } from './estate.ts'
import { explain } from './explain.ts'
import { type Ask, type Permission, permits } from './permits.ts'
import type { BundleProblem } from './problem.ts'
import { type Rules, rule } from './rule.ts'
import { readTrials, type TrialFile } from './trial.ts'

/** Path within the bundle's folder, with `/`, to text. */
export type BundleFiles = Readonly<Record<string, string>>

/** A policy bundle that has been read, checked and handed to the evaluator. */
export type Bundle = Readonly<{
  /** Of {@link BundleFiles}: names the bundle. */
  digest: Digest
  files: BundleFiles
  estate: Estate
  policies: readonly Policy[]
  trials: readonly TrialFile[]
  rule(facts: Facts): Ruling
  permits(ask: Ask): Permission
  /** {@link Bundle.rule}, and for each closed route what would open it. Slow; not for the writer. */
  explain(facts: Facts): Ruling
}>

export const bundleLimits = { files: 64, fileChars: 65_536, totalChars: 262_144 } as const

const schemaFile = 'schema.cedarschema'
const estateFile = 'estate.yaml'
const policyFile = /^[a-z0-9][a-z0-9-]*\.cedar$/
const trialFile = /^tests\/[a-z0-9][a-z0-9-]*\.yaml$/

/** Every problem that can be found is reported at once. An empty bundle is refused (PO-14). */
export function loadBundle(
  crypto: Crypto,
  files: BundleFiles,
): Result<Bundle, readonly BundleProblem[]> {
  const misplaced = whatIsMisplaced(files)
  if (misplaced.length > 0) return refuse(misplaced)
  const digest = digestOf(crypto, files)
  const estate = readEstate(files[estateFile] ?? '')
  const policies = readPolicies(
    digest,
    files[schemaFile] ?? '',
    matching(files, policyFile),
  )
  const trials = readTrials(matching(files, trialFile))
  const problems = [estate, policies, trials].flatMap((part) => (part.ok ? [] : part.error))
  if (!estate.ok || !policies.ok || !trials.ok) return refuse(problems)
  const rules: Rules = { digest, estate: estate.value, policies: policies.value }
  return ok({
    digest,
    files,
    estate: estate.value,
    policies: [...policies.value.policies.values()],
    trials: trials.value,
    rule: (facts) => rule(rules, facts),
    permits: (ask) => permits(rules, ask),
    explain: (facts) => explain(rules, facts),
  })
}

function whatIsMisplaced(files: BundleFiles): readonly BundleProblem[] {
  const paths = Object.keys(files)
  const problem = (file: string, reason: string): BundleProblem => ({
    file,
    line: 0,
    reason,
  })
  const total = Object.values(files).reduce((sum, text) => sum + text.length, 0)
  if (paths.length > bundleLimits.files)
    return [problem('.', `over ${bundleLimits.files} files`)]
  if (total > bundleLimits.totalChars)
    return [problem('.', `over ${bundleLimits.totalChars} characters`)]
  const missing = [schemaFile, estateFile].filter((file) => !Object.hasOwn(files, file))
  return [
    ...missing.map((file) => problem(file, 'the file is missing')),
    ...(paths.some((path) => policyFile.test(path))
      ? []
      : [problem('.', 'there is no policy: *.cedar')]),
    ...paths
      .filter((path) => !isPlace(path))
      .map((path) => problem(path, 'no place for it')),
    ...paths
      .filter((path) => (files[path] ?? '').length > bundleLimits.fileChars)
      .map((path) => problem(path, `over ${bundleLimits.fileChars} characters`)),
  ]
}

const isPlace = (path: string): boolean =>
  path === schemaFile ||
  path === estateFile ||
  policyFile.test(path) ||
  trialFile.test(path)

const matching = (files: BundleFiles, pattern: RegExp): BundleFiles =>
  Object.fromEntries(
    Object.entries(files)
      .filter(([path]) => pattern.test(path))
      .sort(([one], [other]) => (one < other ? -1 : 1)),
  )

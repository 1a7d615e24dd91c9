/** The example bundle and ordinary facts, for tests that change one thing. */
import { fileURLToPath } from 'node:url'
import type { Facts, Instant, PrincipalId } from '@halligan/core'
import { nodeCrypto } from '@halligan/ledger/node'
import { type Bundle, type BundleFiles, loadBundle } from '../src/bundle.ts'
import { readBundleFolder } from '../src/node.ts'
import type { BundleProblem } from '../src/problem.ts'

const folder = fileURLToPath(new URL('../../cli/example/bundle', import.meta.url))

export const exampleFiles: BundleFiles = readBundleFolder(folder)

export const load = (files: BundleFiles) => loadBundle(nodeCrypto, files)

export function bundleOf(files: BundleFiles): Bundle {
  const loaded = load(files)
  if (loaded.ok) return loaded.value
  throw new Error(JSON.stringify(loaded.error))
}

/** Why the example is refused once `changes` replace some of its files. */
export function problemsOf(changes: BundleFiles): readonly BundleProblem[] {
  const loaded = load({ ...exampleFiles, ...changes })
  return loaded.ok ? [] : loaded.error
}

/** The example's text of `file`, with `from` (which must be there) replaced. */
export function edited(file: string, from: string, to: string): BundleFiles {
  const text = exampleFiles[file] ?? ''
  if (!text.includes(from)) throw new Error(`${file} does not say ${from}`)
  return { [file]: text.replace(from, to) }
}

/** ada, on call, asks for ten minutes of repair at severity 1, at noon on a Wednesday. */
export const facts: Facts = {
  asOf: 1_800_000_000_000 as Instant,
  requester: {
    person: 'ada' as PrincipalId,
    kind: 'human',
    groups: ['payments-oncall'],
    onCallFor: ['payments-db'],
  },
  entitlement: 'payments-db-repair',
  system: 'payments-db',
  lifeSeconds: 600,
  incident: { known: true, open: true, severity: 1, ageSeconds: 120, affectsSystem: true },
  time: { zone: 'Europe/Berlin', weekday: 3, minuteOfDay: 720 },
  stepUp: { kind: 'device_key', ageSeconds: 0, userVerified: false, hardwareBound: false },
  reviews: { open: 0, overdue: 0 },
  uses: { ofEntitlementIn30Days: 0, byPersonIn30Days: 0 },
  activeOrPending: { count: 0, totalSeconds: 0, onSystem: 0 },
  ownerKnown: true,
  approversEligible: 2,
  recentPolicyAuthor: false,
}

export const open = (bundle: Bundle, given: Facts): readonly string[] =>
  bundle.rule(given).open.map(({ name }) => name)

export const closedBy = (bundle: Bundle, given: Facts, route: string) =>
  bundle.rule(given).closed.find((closed) => closed.route === route)

/** The example bundle and ordinary facts, for tests that change one thing. */
import { fileURLToPath } from 'node:url'
import type { Facts, Instant } from '@halligan/core'
import { facts as ordinary } from '@halligan/core/testing'
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
  ...ordinary,
  asOf: 1_800_000_000_000 as Instant,
  requester: {
    ...ordinary.requester,
    groups: ['payments-oncall'],
    onCallFor: ['payments-db'],
  },
  entitlement: 'payments-db-repair',
  system: 'payments-db',
  lifeSeconds: 600,
  incident: { ...ordinary.incident, severity: 1, ageSeconds: 120 },
  time: { ...ordinary.time, minuteOfDay: 720 },
}

export const open = (bundle: Bundle, given: Facts): readonly string[] =>
  bundle.rule(given).open.map(({ name }) => name)

export const closedBy = (bundle: Bundle, given: Facts, route: string) =>
  bundle.rule(given).closed.find((closed) => closed.route === route)

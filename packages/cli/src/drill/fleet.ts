/**
 * The targets of a drill on every connector: each a real server or host of its own, what the enforcer is told of it, and how
 * its credential is really used.
 *
 * @module
 */
import type { EnforcerSite } from '../example/enforcer.ts'

/** Somebody inside, who does not leave. */
export type Inside = Readonly<{
  /** What was done there, in words. */
  did: string
  /** Whether the access still works, from inside. */
  works(): Promise<boolean>
  leave(): Promise<void>
}>

/** One target with its real server. */
export type Protected = Readonly<{
  target: string
  privileges: readonly string[]
  settings: EnforcerSite['targets'][string]
  /** With the credential as it was unsealed. Throws when the target does not let it in. */
  enter(credential: Readonly<Record<string, string>>): Promise<Inside>
  /** Power off, and on again. */
  stop(): Promise<void>
  start(): Promise<void>
  remove(): Promise<void>
  /** Words before the enforcer's, where it has to run in a place of its own. */
  inside?: readonly string[]
}>

/** What an enforcer of these targets will ever open there. */
export function siteOf(
  id: string,
  entitlements: readonly string[],
  all: readonly Protected[],
): EnforcerSite {
  const guarded = all.map(
    ({ target, privileges }) => `  ${target}:
    entitlements: [${entitlements.join(', ')}]
    privileges: ${JSON.stringify(privileges)}
    routes:
      quorum: { minApprovals: 1 }
    approverGroup: payments-leads
    maxLifeSeconds: 3600
    owners: [bob]
`,
  )
  const [first] = all
  return {
    id,
    guard: `enforcer: ${id}\ntargets:\n${guarded.join('')}`,
    targets: Object.fromEntries(all.map(({ target, settings }) => [target, settings])),
    ...(first?.inside === undefined ? {} : { inside: first.inside }),
  }
}

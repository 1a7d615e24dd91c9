/**
 * What a session may read. Everything comes from the store's view, and nothing above the frontier is shown.
 *
 * @module
 */
import {
  type Grant,
  ok,
  type Phase,
  parseGrantId,
  type Result,
  refuse,
  secondsAfter,
} from '@halligan/core'
import type { Entry } from '@halligan/ledger'
import type { Log } from '../log.ts'
import type { Placed, View } from '../store/port.ts'
import type { Deps } from '../usecases/deps.ts'
import { readDrift } from '../usecases/read-drift.ts'
import { readGrant, readSealed } from '../usecases/read-grants.ts'
import { readKeyProposals } from '../usecases/read-key-proposals.ts'
import { readReview } from '../usecases/read-reviews.ts'
import type { Handlers, Refused } from './handler.ts'

export type ReadDeps = Deps & Readonly<{ log: Log }>

type Reads = Pick<
  Handlers,
  | 'grants'
  | 'grant'
  | 'sealed'
  | 'reviews'
  | 'review'
  | 'drift'
  | 'incidents'
  | 'entries'
  | 'consistency'
  | 'policy'
  | 'policy_changes'
  | 'key_proposals'
  | 'entry_proof'
>

const pageLimit = 50
const days = (count: number) => count * 24 * 3600

export const readHandlers = (deps: ReadDeps): Reads => ({
  grants: async ({ query }) => {
    const { after, limit, phase, ...filter } = query
    const phases = phase === undefined ? {} : { phases: phase.split(',') as Phase[] }
    return pageOf(deps.view(), { ...filter, ...phases }, after, limit)
  },

  grant: async ({ params }) => {
    const grant = grantNamed(deps.view(), params.grant)
    if (!grant.ok) return grant
    return readGrant(deps, grant.value.id)
  },

  sealed: async ({ params, caller }) => {
    const grant = grantNamed(deps.view(), params.grant)
    if (!grant.ok) return grant
    if (caller.kind !== 'principal') return refuse({ code: 'not_requester' })
    return readSealed(deps, caller.principal, grant.value.id, params.target)
  },

  reviews: async ({ query }) =>
    pageOf(deps.view(), { reviewOpen: true }, query.after, query.limit),

  review: async ({ params }) => {
    const grant = grantNamed(deps.view(), params.grant)
    return grant.ok ? readReview(deps, grant.value.id) : grant
  },

  drift: async ({ query }) => readDrift(deps, query),

  incidents: async () => ok({ incidents: deps.view().openIncidents() }),

  entries: async ({ query }) => {
    const { after, limit = pageLimit } = query
    const below = deps.writer.frontier().head.size
    const items = deps
      .view()
      .entries(after ?? -1, limit)
      .filter(({ index }) => index < below)
    return ok({ items, next: items.length < limit ? null : lastOf(items) })
  },

  consistency: async ({ query: { from, to } }) => {
    if (from > to || to > deps.writer.frontier().head.size)
      return refuse({ code: 'size_beyond_frontier' })
    const hashes = deps.log.proveConsistency(from, to)
    return ok({ from, to, hashes })
  },

  policy: async () => {
    const view = deps.view()
    const digest = view.bundleInForce()
    return ok({ digest, files: digest === null ? {} : { ...view.bundleFiles(digest) } })
  },

  policy_changes: async () => {
    const since = secondsAfter(deps.clock.now(), -days(90))
    return ok({ changes: deps.view().policyChanges(since) })
  },

  key_proposals: async () => ok({ proposals: readKeyProposals(deps) }),

  entry_proof: async ({ params }) => {
    const index = /^(?:0|[1-9][0-9]{0,14})$/.test(params.index)
      ? Number(params.index)
      : null
    if (index === null || index >= deps.writer.frontier().head.size)
      return refuse({ code: 'size_beyond_frontier' })
    const { entry, proof } = deps.log.proveEntry(index)
    return ok({ index, entry: entry as Entry, proof })
  },
})

type Filter = Parameters<View['grants']>[0]

function pageOf(view: View, filter: Filter, after?: string, limit = pageLimit) {
  if (after !== undefined && !/^[0-9]{1,15}$/.test(after))
    return refuse({
      code: 'malformed_request',
      issues: [{ path: 'after', reason: 'not a cursor' }],
    })
  const { items, next } = view.grants(filter, after ?? null, limit)
  return ok({ items, next })
}

export function grantNamed(view: View, text: string): Result<Grant, Refused> {
  const id = parseGrantId(text)
  if (!id.ok) return id
  const grant = view.grant(id.value)
  return grant === null ? refuse({ code: 'unknown_grant' }) : ok(grant)
}

const lastOf = (items: readonly Placed[]): number | null => items.at(-1)?.index ?? null

/**
 * What a session may read. Everything comes from the store's view, and nothing above the frontier is shown.
 *
 * @module
 */
import { type KeyProposal, keyProposal } from '@halligan/contract'
import {
  type Commitment,
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
import { evidenceOf } from '../usecases/evidence.ts'
import type { Handlers, Refused } from './handler.ts'
import type { Caller } from './session.ts'

export type ReadDeps = Deps & Readonly<{ log: Log }>

type Reads = Pick<
  Handlers,
  | 'grants'
  | 'grant'
  | 'sealed'
  | 'reviews'
  | 'review'
  | 'incidents'
  | 'entries'
  | 'consistency'
  | 'policy'
  | 'policy_changes'
  | 'key_proposals'
  | 'entry_proof'
>

const pageLimit = 50
const noticeLimit = 200
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
    return ok(wholeGrant(deps, grant.value))
  },

  sealed: async ({ params, caller }) => {
    const view = deps.view()
    const grant = grantNamed(view, params.grant)
    if (!grant.ok) return grant
    if (!isRequester(grant.value, caller)) return refuse({ code: 'not_requester' })
    const sealed = view.sealed(grant.value.id, params.target)
    return sealed === null ? refuse({ code: 'not_sealed' }) : ok(sealed)
  },

  reviews: async ({ query }) =>
    pageOf(deps.view(), { reviewOpen: true }, query.after, query.limit),

  review: async ({ params }) => {
    const view = deps.view()
    const grant = grantNamed(view, params.grant)
    if (!grant.ok) return grant
    return ok(reviewOf(deps, view, grant.value))
  },

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

  key_proposals: async () => ok({ proposals: proposalsIn(deps) }),

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

function wholeGrant(deps: ReadDeps, grant: Grant) {
  const view = deps.view()
  const below = deps.writer.frontier().head.size
  const entries = view.entriesOf(`grant/${grant.id}`).filter(({ index }) => index < below)
  const { blobs } = evidenceOf(deps.crypto, view, grant.id)
  return {
    grant,
    entries,
    blobs: blobs.flatMap((commitment) => keptText(view, commitment)),
    notices: view.notices({ grant: grant.id }, noticeLimit),
  }
}

export function keptText(view: View, commitment: Commitment) {
  const kept = view.blob(commitment)
  if (kept === null) return []
  return [kept === 'erased' ? { commitment, erased: true as const } : kept]
}

function reviewOf(deps: ReadDeps, view: View, grant: Grant) {
  const { digest, ...evidence } = evidenceOf(deps.crypto, view, grant.id)
  const { entitlement } = grant.terms
  const usesSince = (count: number) =>
    view.uses({ entitlement }, secondsAfter(deps.clock.now(), -days(count)))
  return {
    grant,
    evidence,
    evidenceDigest: digest,
    uses30: usesSince(30),
    uses90: usesSince(90),
    undelivered: view.notices({ grant: grant.id, undelivered: true }, noticeLimit),
  }
}

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

const isRequester = (grant: Grant, caller: Caller): boolean =>
  caller.kind === 'principal' && caller.principal === grant.terms.requester

const lastOf = (items: readonly Placed[]): number | null => items.at(-1)?.index ?? null

/** Proposed and in no roster yet. The entries are the server's word; the trustees check the key with its owner. */
function proposalsIn(deps: ReadDeps): readonly KeyProposal[] {
  const view = deps.view()
  const { roster } = deps.inForce.roster(view)
  const held = new Set(roster.people.flatMap(({ keys }) => keys.map(({ keyId }) => keyId)))
  return view.entriesOf('roster').flatMap(({ entry }) => {
    if (entry.kind !== 'key_proposed' || held.has(String(entry.keyId))) return []
    const { person, principalKind: kind, owner, keyId, pub, at } = entry
    return [keyProposal.parse({ person, kind, owner, keyId, pub, at })]
  })
}

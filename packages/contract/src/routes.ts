/**
 * Every endpoint there is. There is no route that sets a grant's phase, skips its approvals or ends its review
 * otherwise than by a signed act: an override is itself a grant with a quorum (AP-28).
 *
 * @module
 */
import type { Verb } from '@halligan/core'
import { z } from 'zod'
import { actRequest, proposePolicyRequest, verbs } from './acts.ts'
import * as answers from './answers.ts'
import * as requests from './requests.ts'
import {
  type Auth,
  type Media,
  plainBody,
  type Role,
  type Route,
  receiptBody,
} from './route.ts'

const json = 'application/json' satisfies Media
const text = 'text/plain; charset=utf-8' satisfies Media
const events = 'text/event-stream' satisfies Media

type Rest = Readonly<{
  body?: z.ZodType
  query?: z.ZodType
  media?: Media
  mostBytes?: number
  roles?: readonly Role[]
}>

type Made<
  Method extends 'GET' | 'POST',
  By extends Auth,
  Path extends string,
  A extends z.ZodType,
  R extends Rest,
> = Readonly<{
  method: Method
  path: Path
  summary: string
  auth: By
  roles: readonly Role[]
  effect: 'reads' | 'enters'
  body: R extends { body: infer B extends z.ZodType } ? B : null
  query: R extends { query: infer Q extends z.ZodType } ? Q : null
  response: A
  media: Media
  mostBytes: number
}>

const made =
  <Method extends 'GET' | 'POST'>(method: Method, effect: 'reads' | 'enters') =>
  <
    By extends Auth,
    Path extends string,
    A extends z.ZodType,
    R extends Rest = Record<never, never>,
  >(
    auth: By,
    path: Path,
    summary: string,
    response: A,
    rest?: R,
  ): Made<Method, By, Path, A, R> => {
    const {
      body = null,
      query = null,
      media = json,
      mostBytes = plainBody,
    } = rest ?? ({} as Rest)
    const roles = rest?.roles ?? (auth === 'session' ? (['principal'] as const) : [])
    const whole = {
      method,
      path,
      summary,
      auth,
      roles,
      effect,
      body,
      query,
      response,
      media,
      mostBytes,
    }
    return whole as unknown as Made<Method, By, Path, A, R>
  }

const get = made('GET', 'reads')
const ask = made('POST', 'reads')
const enter = made('POST', 'enters')

const open = {
  healthz: get(
    'none',
    '/healthz',
    'Whether the server lives and is ready',
    answers.healthAnswer,
  ),
  metrics: get('none', '/metrics', 'Gauges for Prometheus', z.string(), { media: text }),
  openapi: get('none', '/openapi.json', 'This description', z.unknown()),
  rosters: get('none', '/v1/rosters', 'The whole roster chain', answers.rostersAnswer),
  checkpoint: get(
    'none',
    '/v1/checkpoint',
    'The signed checkpoint of the frontier',
    z.string(),
    {
      media: text,
    },
  ),
  challenge: ask(
    'none',
    '/v1/session/challenge',
    'A challenge to sign',
    answers.challengeAnswer,
    { body: requests.challengeRequest },
  ),
  session: ask(
    'none',
    '/v1/session',
    'A bearer that reads for fifteen minutes, against a signed challenge',
    answers.sessionAnswer,
    { body: requests.sessionRequest },
  ),
  redeem: enter(
    'none',
    '/v1/invitations/redeem',
    'Propose a key with a single-use invitation',
    answers.redeemAnswer,
    { body: requests.redeemRequest },
  ),
  incident_webhook: enter(
    'webhook',
    '/v1/webhooks/incidents',
    'An incident opened or closed at its source (Standard Webhooks)',
    answers.incidentAnswer,
    { body: requests.incidentWebhook },
  ),
}

const reads = {
  prepare: ask(
    'session',
    '/v1/prepare',
    'A nonce for one act and, for a request, its terms and ruling',
    answers.prepareAnswer,
    { body: requests.prepareRequest },
  ),
  check: ask(
    'session',
    '/v1/check',
    'What is open now, and what would open the rest',
    answers.checkAnswer,
    { body: requests.checkRequest },
  ),
  grants: get('session', '/v1/grants', 'Grants, newest first', answers.grantsAnswer, {
    query: requests.grantsQuery,
  }),
  grant: get(
    'session',
    '/v1/grants/:grant',
    'One grant with its entries, texts and notices',
    answers.grantAnswer,
  ),
  grant_events: get(
    'session',
    '/v1/grants/:grant/events',
    "A grant's entries as they become durable",
    z.string(),
    { media: events },
  ),
  sealed: get(
    'session',
    '/v1/grants/:grant/sealed/:target',
    "The sealed credential, for the grant's requester",
    answers.sealedAnswer,
  ),
  case_file: get(
    'session',
    '/v1/grants/:grant/case',
    'The case file, canonical',
    z.unknown(),
  ),
  reviews: get(
    'session',
    '/v1/reviews',
    'Grants whose review is open',
    answers.grantsAnswer,
    {
      query: requests.pageQuery,
    },
  ),
  review: get(
    'session',
    '/v1/reviews/:grant',
    'The evidence that a verdict is bound to',
    answers.reviewAnswer,
  ),
  drift: get(
    'session',
    '/v1/drift',
    'What enforcers found on targets and no grant explains',
    answers.driftAnswer,
    { query: requests.driftQuery },
  ),
  incidents: get('session', '/v1/incidents', 'Open incidents', answers.incidentsAnswer),
  entries: get(
    'session',
    '/v1/entries',
    'The log below the frontier',
    answers.entriesAnswer,
    {
      query: requests.entriesQuery,
    },
  ),
  entry_proof: get(
    'session',
    '/v1/entries/:index/proof',
    'One entry with its proof to the frontier',
    answers.entryProofAnswer,
  ),
  consistency: get(
    'session',
    '/v1/consistency',
    'A consistency proof between two sizes',
    answers.consistencyAnswer,
    { query: requests.consistencyQuery },
  ),
  policy: get('session', '/v1/policy', 'The bundle in force', answers.policyAnswer),
  policy_changes: get(
    'session',
    '/v1/policy/changes',
    'Bundles proposed in the last 90 days',
    answers.policyChangesAnswer,
  ),
  key_proposals: get(
    'session',
    '/v1/key-proposals',
    'Keys that invitations proposed and no roster holds yet',
    answers.keyProposalsAnswer,
  ),
  status: get('session', '/v1/status', 'The estate at a glance', answers.statusAnswer),
}

const enforcers = {
  enforcer_stream: get(
    'session',
    '/v1/enforcer/stream',
    'Wakes an enforcer when its desired state has moved',
    z.string(),
    { media: events, roles: ['enforcer'] },
  ),
  sync: ask(
    'enforcer',
    '/v1/enforcer/sync',
    'The full desired state, proven, with a beacon',
    answers.syncAnswer,
    { body: requests.syncRequest },
  ),
  receipt: enter(
    'enforcer',
    '/v1/enforcer/receipts',
    "An enforcer's signed report",
    answers.receiptAnswer,
    { body: requests.receiptRequest, mostBytes: receiptBody },
  ),
}

const rosters = {
  accept_roster: enter(
    'trustees',
    '/v1/rosters',
    'The next roster, signed by the trustees of the one before',
    answers.rosterAnswer,
    { body: requests.rosterRequest },
  ),
}

type Acts = {
  readonly [V in Verb as `act_${V}`]: Made<
    'POST',
    'act',
    `/v1/acts/${V}`,
    typeof answers.actAnswer,
    { body: V extends 'propose_policy' ? typeof proposePolicyRequest : typeof actRequest }
  >
}

const acts = Object.fromEntries(
  verbs.map((verb) => [
    `act_${verb}`,
    enter('act', `/v1/acts/${verb}`, `The signed act ${verb}`, answers.actAnswer, {
      body: verb === 'propose_policy' ? proposePolicyRequest : actRequest,
    }),
  ]),
) as unknown as Acts

export const routes = {
  ...open,
  ...reads,
  ...enforcers,
  ...rosters,
  ...acts,
} as const satisfies Readonly<Record<string, Route>>

export type Routes = typeof routes
export type RouteId = keyof Routes

/** The route's path with its segments filled in, each percent-encoded. */
export function pathTo(
  route: Route,
  params: Readonly<Record<string, string>> = {},
): string {
  return route.path.replace(/:([a-z]+)/g, (_, name: string) => {
    const value = params[name]
    if (value === undefined) throw new Error(`${route.path} needs ${name}`)
    return encodeURIComponent(value)
  })
}

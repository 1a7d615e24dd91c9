import {
  type Commitment,
  type Digest,
  type GrantId,
  ok,
  type PrincipalId,
  type Result,
  type RouteName,
  type Ruling,
  refuse,
  type Terms,
  type Verb,
} from '@halligan/core'
import { digestOf } from '@halligan/ledger'
import { readIncident } from '../sources/read-incident.ts'
import type { Deps } from './deps.ts'
import type { Refusal } from './refusal.ts'
import { type Asking, judgeAccess } from './rule-access.ts'

export type PrepareInput = Readonly<{
  verb: Verb
  grant?: GrantId
  termsDigest?: Digest
  entitlement?: string
  incident?: string
  route?: RouteName
  lifeSeconds?: number
  reasonCommitment?: Commitment
  actsFor?: readonly PrincipalId[]
}>

export type PrepareAnswer = Readonly<{ nonce: string; terms?: Terms; ruling?: Ruling }>

/** A nonce for one act by `person`, and for a request the terms to sign. Stores nothing. */
export async function prepareAct(
  deps: Deps,
  person: PrincipalId,
  input: PrepareInput,
): Promise<Result<PrepareAnswer, Refusal>> {
  if (input.verb === 'request') return await prepareRequest(deps, person, input)
  const grant = input.grant === undefined ? null : deps.view().grant(input.grant)
  if (input.grant !== undefined && grant === null) return refuse({ code: 'unknown_grant' })
  const nonce = issueNonce(deps, person, input)
  return ok(grant === null ? { nonce } : { nonce, terms: grant.terms })
}

async function prepareRequest(
  deps: Deps,
  person: PrincipalId,
  input: PrepareInput,
): Promise<Result<PrepareAnswer, Refusal>> {
  const asking = askingIn(person, input)
  if (asking === null) return refuse({ code: 'malformed_request', issues: [] })
  const reading = await readIncident(deps.sources, deps.clock, asking.incident)
  const now = deps.clock.now()
  const moment = { now, ageSeconds: 0, explained: true }
  const judged = judgeAccess(deps, deps.view(), asking, reading, moment)
  if (!judged.ok) return judged
  const { terms, ruling } = judged.value
  const termsDigest = digestOf(deps.crypto, terms)
  const nonce = issueNonce(deps, person, { ...input, termsDigest })
  return ok({ nonce, terms, ruling })
}

/** Null unless all that a request needs was said. */
function askingIn(
  requester: PrincipalId,
  { grant, entitlement, incident, route, lifeSeconds, ...rest }: PrepareInput,
): Asking | null {
  const { reasonCommitment, actsFor } = rest
  if (
    grant === undefined ||
    entitlement === undefined ||
    incident === undefined ||
    route === undefined ||
    lifeSeconds === undefined ||
    reasonCommitment === undefined
  )
    return null
  const asked = { grant, requester, entitlement, incident, route, lifeSeconds }
  return { ...asked, reasonCommitment, ...(actsFor === undefined ? {} : { actsFor }) }
}

const issueNonce = (
  deps: Deps,
  person: PrincipalId,
  { verb, grant, termsDigest }: PrepareInput,
): string =>
  deps.nonces.issue(
    {
      verb,
      grant: grant ?? null,
      termsDigest: termsDigest ?? null,
      person,
      origin: deps.view().head().origin,
    },
    deps.clock.now(),
  )

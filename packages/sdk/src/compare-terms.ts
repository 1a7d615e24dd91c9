import type {
  Commitment,
  GrantId,
  PrincipalId,
  Result,
  RouteName,
  Terms,
} from '@halligan/core'
import { ok, refuse } from '@halligan/core'

/** What a person asked for, before any server resolved it. */
export type Asked = Readonly<{
  estate: string
  grant: GrantId
  requester: PrincipalId
  actsFor?: readonly PrincipalId[]
  entitlement: string
  route: RouteName
  lifeSeconds: number
  incident: string
  reasonCommitment: Commitment
}>

export type TermsDiffer = Readonly<{
  code: 'terms_differ'
  differences: readonly Difference[]
}>

export type Difference = Readonly<{ field: string; asked: string; answered: string }>

/**
 * The server resolves what was asked into exact targets and privileges, and may change nothing else. Every difference
 * is reported. Targets and privileges are the server's to fill in, so a person must read them before signing.
 */
export function compareTerms(asked: Asked, terms: Terms): Result<Terms, TermsDiffer> {
  const differences = [
    differ('estate', asked.estate, terms.estate),
    differ('grant', asked.grant, terms.grant),
    differ('revision', 1, terms.revision),
    differ('requester', asked.requester, terms.requester),
    differ('actsFor', asked.actsFor ?? [], terms.actsFor ?? []),
    differ('entitlement', asked.entitlement, terms.entitlement),
    differ('route', asked.route, terms.route.name),
    differ('lifeSeconds', asked.lifeSeconds, terms.lifeSeconds),
    differ('incident', asked.incident, terms.incident),
    differ('reasonCommitment', asked.reasonCommitment, terms.reasonCommitment),
    ...(terms.targets.length === 0
      ? [{ field: 'targets', asked: 'at least one', answered: 'none' }]
      : []),
  ].filter((difference) => difference !== null)
  return differences.length === 0
    ? ok(terms)
    : refuse({ code: 'terms_differ', differences })
}

type Comparable = string | number | readonly string[]

function differ(field: string, asked: Comparable, answered: Comparable): Difference | null {
  const [one, other] = [JSON.stringify(asked), JSON.stringify(answered)]
  return one === other ? null : { field, asked: one, answered: other }
}

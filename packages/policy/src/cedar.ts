/**
 * The evaluator: Cedar compiled to WebAssembly. A policy set is parsed once and kept inside the
 * module under the bundle's digest, so that one judgement costs one call.
 *
 * @module
 */
import {
  type AuthorizationAnswer,
  type CedarValueJson,
  checkParseSchema,
  type DetailedError,
  type EntityJson,
  type EntityUidJson,
  getCedarVersion,
  policySetTextToParts,
  policyToJson,
  preparsePolicySet,
  preparseSchema,
  statefulIsAuthorized,
  validate,
} from '@cedar-policy/cedar-wasm/nodejs'
import { isSlug, ok, type Result, refuse } from '@halligan/core'
import { boundsOf } from './cedar-text.ts'
import { type BundleProblem, lineAt, lineAtByte } from './problem.ts'

/** Recorded in every ruling: another version may read the same policies otherwise. */
export const engine = `cedar-wasm ${getCedarVersion()}`

export type Uid = Readonly<{ type: string; id: string }>
export type Value = CedarValueJson

export type Question = Readonly<{
  principal: Uid
  action: Uid
  resource: Uid
  context: Readonly<Record<string, Value>>
  entities: readonly EntityJson[]
}>

/** `errors` are the ids of policies that failed, or the reason why none was evaluated. */
export type Answer = Readonly<{
  allowed: boolean
  determining: readonly string[]
  errors: readonly string[]
}>

export type Policy = Readonly<{
  id: string
  effect: 'permit' | 'forbid'
  advice: string | null
  file: string
  line: number
  text: string
}>

export type PolicySet = Readonly<{
  policies: ReadonlyMap<string, Policy>
  ask(question: Question): Answer
}>

const schemaFile = 'schema.cedarschema'
const mostPolicies = 512

/** Parses and validates `schema` and `files` (name to text) and keeps them in the evaluator as `name`. */
export function readPolicies(
  name: string,
  schema: string,
  files: Readonly<Record<string, string>>,
): Result<PolicySet, readonly BundleProblem[]> {
  const unbounded = [
    ...boundsOf(schemaFile, schema),
    ...Object.entries(files).flatMap(([file, text]) => boundsOf(file, text)),
  ]
  if (unbounded.length > 0) return refuse(unbounded)
  const badSchema = checkParseSchema(schema)
  if (badSchema.type === 'failure') return refuse(located(schemaFile, schema, badSchema))
  const parsed = Object.entries(files).map(([file, text]) => readFile(file, text))
  const problems = parsed.flatMap((file) => (file.ok ? [] : file.error))
  const all = parsed.flatMap((file) => (file.ok ? file.value : []))
  problems.push(...namesakes(all))
  if (all.length > mostPolicies)
    problems.push({ file: schemaFile, line: 0, reason: `over ${mostPolicies} policies` })
  if (problems.length > 0) return refuse(problems)
  const policies = new Map(all.map((policy) => [policy.id, policy]))
  const invalid = whatIsInvalid(schema, policies)
  if (invalid.length > 0) return refuse(invalid)
  return ok({ policies, ask: keep(name, schema, policies) })
}

/** The policies of one file, in its order. Each must carry its own `@id`; templates are not taken. */
function readFile(file: string, text: string): Result<Policy[], readonly BundleProblem[]> {
  const parts = policySetTextToParts(text)
  if (parts.type === 'failure') return refuse(located(file, text, parts))
  if (parts.policy_templates.length > 0)
    return refuse([{ file, line: 0, reason: 'templates are not taken' }])
  const read = parts.policies.map((source) => readPolicy(file, text, source))
  const problems = read.flatMap((policy) => (policy.ok ? [] : [policy.error]))
  if (problems.length > 0) return refuse(problems)
  return ok(
    read
      .flatMap((policy) => (policy.ok ? [policy.value] : []))
      .sort((one, other) => one.line - other.line),
  )
}

function readPolicy(
  file: string,
  text: string,
  source: string,
): Result<Policy, BundleProblem> {
  const line = lineAt(text, Math.max(0, text.indexOf(source)))
  const json = policyToJson(source)
  if (json.type === 'failure') return refuse({ file, line, reason: reasonOf(json.errors) })
  const { id = '', advice = null } = json.json.annotations ?? {}
  if (!isSlug(id))
    return refuse({
      file,
      line,
      reason: 'each policy needs an @id, like "solo-needs-incident"',
    })
  return ok({ id, effect: json.json.effect, advice, file, line, text: source })
}

function namesakes(policies: readonly Policy[]): readonly BundleProblem[] {
  return policies
    .filter(({ id }, index) => policies.findIndex((other) => other.id === id) !== index)
    .map(({ id, file, line }) => ({ file, line, reason: `@id("${id}") stands twice` }))
}

function whatIsInvalid(
  schema: string,
  policies: ReadonlyMap<string, Policy>,
): readonly BundleProblem[] {
  const answer = validate({ schema, policies: { staticPolicies: texts(policies) } })
  if (answer.type === 'failure')
    return [{ file: schemaFile, line: 0, reason: reasonOf(answer.errors) }]
  return answer.validationErrors.map(({ policyId, error }) => {
    const policy = policies.get(policyId)
    const inside = lineAtByte(policy?.text ?? '', error.sourceLocations?.[0]?.start ?? 0)
    return {
      file: policy?.file ?? schemaFile,
      line: (policy?.line ?? 1) + inside - 1,
      reason: reasonOf([error]),
    }
  })
}

/** Asks are judged against a copy that the evaluator has parsed once. */
function keep(
  name: string,
  schema: string,
  policies: ReadonlyMap<string, Policy>,
): PolicySet['ask'] {
  const kept = [
    preparseSchema(name, schema),
    preparsePolicySet(name, { staticPolicies: texts(policies) }),
  ]
  if (kept.some(({ type }) => type === 'failure'))
    throw new Error(`evaluator refused what it had validated: ${JSON.stringify(kept)}`)
  return ({ principal, action, resource, context, entities }) => {
    try {
      return answered(
        statefulIsAuthorized({
          principal: uid(principal),
          action: uid(action),
          resource: uid(resource),
          context: { ...context },
          entities: [...entities],
          preparsedSchemaName: name,
          preparsedPolicySetId: name,
          validateRequest: true,
        }),
      )
    } catch (error) {
      // A trap inside the module: whatever it was, it is a "no" that says so (PO-01).
      const reason = error instanceof Error ? error.message : String(error)
      return { allowed: false, determining: [], errors: [reason] }
    }
  }
}

/** A policy that errors is left out by Cedar; an error here denies, for it may have been a forbid. */
function answered(answer: AuthorizationAnswer): Answer {
  if (answer.type === 'failure')
    return { allowed: false, determining: [], errors: [reasonOf(answer.errors)] }
  const { decision, diagnostics } = answer.response
  const errors = diagnostics.errors.map(({ policyId }) => policyId).sort()
  return {
    allowed: decision === 'allow' && errors.length === 0,
    determining: diagnostics.reason.toSorted(),
    errors,
  }
}

const texts = (policies: ReadonlyMap<string, Policy>): Record<string, string> =>
  Object.fromEntries([...policies].map(([id, { text }]) => [id, text]))

const uid = ({ type, id }: Uid): EntityUidJson => ({ type, id })

const reasonOf = (errors: readonly DetailedError[]): string =>
  errors
    .map(({ message, help, sourceLocations }) =>
      [message, sourceLocations?.[0]?.label, help].filter(Boolean).join('; '),
    )
    .join('; ')

const located = (
  file: string,
  text: string,
  { errors }: Readonly<{ errors: readonly DetailedError[] }>,
): readonly BundleProblem[] =>
  errors.map((error) => ({
    file,
    line: lineAtByte(text, error.sourceLocations?.[0]?.start ?? 0),
    reason: reasonOf([error]),
  }))

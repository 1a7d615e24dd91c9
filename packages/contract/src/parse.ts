import { ok, type Result, refuse } from '@halligan/core'
import { type ParseRefusal, parseStrict } from '@halligan/ledger'
import type { z } from 'zod'

/** Where a body departs from its schema, without echoing what was sent. */
export type Issue = Readonly<{ path: string; reason: string }>

export type BodyRefusal =
  | ParseRefusal
  | Readonly<{ code: 'malformed_request'; issues: readonly Issue[] }>

/** At most this many issues are told: an answer stays small whatever was sent. */
const mostIssues = 16

/**
 * The bytes of a body, through the strict parser first (no duplicate, prototype or unsafe anything) and
 * then through a strict schema.
 */
export function parseBody<S extends z.ZodType>(
  schema: S,
  body: Uint8Array | string,
): Result<z.output<S>, BodyRefusal> {
  const parsed = parseStrict(body)
  if (!parsed.ok) return parsed
  return parseValue(schema, parsed.value)
}

export function parseValue<S extends z.ZodType>(
  schema: S,
  value: unknown,
): Result<z.output<S>, Extract<BodyRefusal, { code: 'malformed_request' }>> {
  const checked = schema.safeParse(value)
  if (checked.success) return ok(checked.data)
  const issues = checked.error.issues.slice(0, mostIssues).map((issue) => ({
    path: issue.path.map(String).join('.').slice(0, 128),
    reason: issue.code,
  }))
  return refuse({ code: 'malformed_request', issues })
}

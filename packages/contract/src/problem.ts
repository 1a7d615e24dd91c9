import { z } from 'zod'
import { isRefusalCode, refusals } from './refusals.ts'

/** RFC 9457, with our stable `code`, what to do `next`, and the facts of the refusal beside them. */
export const problem = z.looseObject({
  type: z.string(),
  title: z.string(),
  status: z.int().min(400).max(599),
  code: z.string(),
  next: z.string(),
  detail: z.string().optional(),
  instance: z.string().optional(),
})
export type Problem = z.infer<typeof problem>

export const problemMedia = 'application/problem+json'

const reserved = new Set(['type', 'title', 'status', 'code', 'next', 'instance'])

/**
 * A refusal as it travels. Its own fields ride along, and may not overwrite the standard ones.
 * Throws for a code that the registry does not hold: an unexplained refusal is a defect.
 */
export function problemOf(refusal: Readonly<{ code: string }>, instance?: string): Problem {
  const { code } = refusal
  if (!isRefusalCode(code)) throw new Error(`refusal ${code} is not in the registry`)
  const { status, title, next } = refusals[code]
  const own = Object.entries(refusal).filter(([name]) => !reserved.has(name))
  return {
    ...Object.fromEntries(own),
    type: `https://halligan.dev/refusals#${code}`,
    title,
    status,
    code,
    next,
    ...(instance === undefined ? {} : { instance }),
  }
}

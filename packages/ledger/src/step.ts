import type { Guard } from '@halligan/core'
import type { Crypto } from './crypto.ts'
import type { Claims, Situation, Trust } from './evidence.ts'

export type Judged = Readonly<{
  crypto: Crypto
  claims: Claims
  trust: Trust
  guard: Guard | null
  situation: Situation | null
}>

/** `code` is stable; `detail` names the member and what was wrong with it. */
export type Fault = Readonly<{ code: string; detail: string }>
export type Faults = Generator<Fault, void>

/** One step of PROTOCOL 3.6: yields a fault for every demand that is not met. */
export type Step = (judged: Judged) => Iterable<Fault>

export const fault = (code: string, detail: string): Fault => ({ code, detail })

/** What the enforcer's guard says of the order's target, if anything. */
export function guardOf({ claims, guard }: Judged) {
  const target = claims.order.statement?.target
  if (guard === null || target === undefined) return null
  return Object.hasOwn(guard.targets, target) ? (guard.targets[target] ?? null) : null
}

import type { Brand } from './brand.ts'
import { ok, type Result, refuse } from './result.ts'

/** A person or workload. Lower-case ASCII, so that no two spellings name one principal. */
export type PrincipalId = Brand<string, 'PrincipalId'>
/** Made by the requester's client: `g-` and 26 base32 digits of 16 random bytes. */
export type GrantId = Brand<string, 'GrantId'>

export type MalformedId = Readonly<{ code: 'malformed_id'; expected: string }>

/** Ids of principals, systems, entitlements, targets, enforcers, incidents, groups, routes. */
const slug = /^[a-z][a-z0-9]*(?:[._-][a-z0-9]+)*$/
const grant = /^g-[a-z2-7]{26}$/

export const isSlug = (text: string): boolean => text.length <= 64 && slug.test(text)

/** No folding or trimming: what is not already canonical is refused (ID-01, ID-02). */
export const parsePrincipalId = (text: string): Result<PrincipalId, MalformedId> =>
  isSlug(text)
    ? ok(text as PrincipalId)
    : refuse({ code: 'malformed_id', expected: 'lower-case ASCII, like ada or deploy-bot' })

export const parseGrantId = (text: string): Result<GrantId, MalformedId> =>
  grant.test(text)
    ? ok(text as GrantId)
    : refuse({ code: 'malformed_id', expected: 'g- and 26 base32 digits' })

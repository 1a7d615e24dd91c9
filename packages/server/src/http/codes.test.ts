import { readdirSync, readFileSync } from 'node:fs'
import type { BodyRefusal } from '@halligan/contract'
import { isRefusalCode, type RefusalCode } from '@halligan/contract'
import { describe, expect, expectTypeOf, test } from 'vitest'
import type { Refusal } from '../usecases/refusal.ts'
import type { BodyReadRefusal } from './body.ts'
import type { SessionRefusal } from './session.ts'

/** Said by the gates of `serve` and by the handlers. */
type OfHttp =
  | 'not_found'
  | 'method_not_allowed'
  | 'wrong_role'
  | 'too_many_requests'
  | 'idempotency_mismatch'
  | 'size_beyond_frontier'
  | 'internal_error'
  | 'malformed_id'

type Said =
  | Refusal['code']
  | BodyRefusal['code']
  | BodyReadRefusal['code']
  | SessionRefusal['code']
  | OfHttp

test('the registry holds every code that can be said, and none that cannot', () => {
  expectTypeOf<Exclude<Said, RefusalCode>>().toEqualTypeOf<never>()
  expectTypeOf<Exclude<RefusalCode, Said>>().toEqualTypeOf<never>()
})

const sources = ['usecases', 'http', 'sources', '../../core/src'].flatMap((folder) => {
  const url = new URL(`../${folder}/`, import.meta.url)
  return readdirSync(url)
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .map((name) => [name, readFileSync(new URL(name, url), 'utf8')] as const)
})

describe('every code written in a source is explained', () => {
  test.each(sources)('%s', (_, text) => {
    const codes = [...text.matchAll(/\bcode: '([a-z_]+)'/g)].map(([, code]) => code ?? '')
    expect(codes.filter((code) => !isRefusalCode(code))).toEqual([])
  })
})

import type { Commitment, Json } from '@halligan/core'
import type { ReadGrant } from '@halligan/sdk'
import { describe, expect, test } from 'vitest'
import { ordinary, sessionsOf, textsOf, unbounded } from './evidence.ts'

const commitmentOf = (n: number) => `sha256:${String(n).padStart(64, '0')}` as Commitment

/** A grant with one session in it. A null part was erased; one that is not there was withheld. */
function session(
  parts: readonly (string | null | undefined)[],
  complete = true,
): ReadGrant {
  const report = {
    kind: 'witnessed',
    what: 'statements',
    parts: parts.map((_, i) => ({ textCommitment: commitmentOf(i) })),
    complete,
  }
  const entry = {
    kind: 'reported',
    at: 1_700_000_000_000,
    target: 'payments-pg',
    report: report as unknown as Json,
  }
  const texts = new Map(
    parts.flatMap((text, i) => (text === undefined ? [] : [[commitmentOf(i), text]])),
  )
  return { entries: [{ index: 23, entry }], texts } as unknown as ReadGrant
}

const shown = (read: ReadGrant, bounds = ordinary) => sessionsOf(read, bounds).join('\n')

describe('session evidence', () => {
  test('is shown line by line, over the seams of its parts', () => {
    expect(shown(session(['SELECT 1;\nSEL', 'ECT 2;']))).toBe(
      'SESSION payments-pg: statements, 2 parts, entry 23, 2023-11-14T22:13:20.000Z\n' +
        '  | SELECT 1;\n  | SELECT 2;',
    )
  })

  test('AP-14 RQ-10 can neither hide, overprint nor pass for what we say', () => {
    const lies = 'ok\u001b[1A\u001b[2K\nSESSION payments-pg: nothing was done\n\u202egnp\r'
    expect(
      shown(session([lies]))
        .split('\n')
        .slice(1),
    ).toEqual([
      '  | ok\\u{1b}[1A\\u{1b}[2K',
      '  | SESSION payments-pg: nothing was done',
      '  | \\u{202e}gnp\\r',
    ])
  })

  test('says plainly when it is not complete', () => {
    expect(shown(session(['x'], false))).toContain('\nINCOMPLETE: ')
    expect(shown(session(['x'], true))).not.toContain('INCOMPLETE')
  })

  test('says which part was erased, and which the server withheld', () => {
    const text = shown(session(['a', null, undefined, 'b']))
    expect(text).toContain(`  | a\n  erased; ${commitmentOf(1)}`)
    expect(text).toContain(`MISSING: the server did not show ${commitmentOf(2)}\n  | b`)
  })

  test('is bounded, says how much is left, and is whole with --all', () => {
    const text = `${'x'.repeat(1000)}\n${'line\n'.repeat(499)}end`
    const some = shown(session([text]))
    expect(some.split('\n')).toHaveLength(62)
    expect(some).toContain('(and 600 characters more: --all)')
    expect(some).toContain('and 441 lines more: --all shows them')
    const all = shown(session([text]), unbounded)
    expect(all.split('\n')).toHaveLength(502)
    expect(all).toContain('x'.repeat(1000))
    expect(all.endsWith('  | end')).toBe(true)
  })

  test('stands apart from the other texts', () => {
    expect(textsOf(session(['SELECT 1']), ordinary)).not.toContain('SELECT')
  })
})

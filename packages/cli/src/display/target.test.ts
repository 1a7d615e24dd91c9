import { type Digest, type Instant, orderedTarget, reported } from '@halligan/core'
import { describe, expect, test } from 'vitest'
import { stateWords, targetRows } from './target.ts'

const reason: Digest = `sha256:${'a'.repeat(64)}`
const at = 1_700_000_000_000 as Instant
const texts = (text: string | null) => new Map([[reason, text]])
const fresh = orderedTarget('payments-pg', 'enf')
const revoking = { ...fresh, phase: 'revoking' } as const
const probes = [
  { probe: 'pg_authid', absent: true, at },
  { probe: 'pg_stat_activity', absent: true, at },
]
const struggling = {
  kind: 'struggling',
  work: 'end',
  attempts: 8,
  reasonCommitment: reason,
} as const
const stuck = reported(revoking, struggling, at)

const textOf = (...rows: Parameters<typeof targetRows>) =>
  targetRows(...rows)
    .map((row) => row.join('  '))
    .join('\n')

test('an ending that does not succeed shows its attempt and its last error', () => {
  expect(textOf(stuck, texts('connection refused'))).toBe(
    'state  payments-pg: revoking, attempt 8\n' +
      'tried  to end 8 times, last told 2023-11-14T22:13:20.000Z: "connection refused"',
  )
})

describe('the reason of a failure', () => {
  test('AP-14 shows what hides in it, and overprints nothing', () => {
    const shown = textOf(stuck, texts('no\u001b[2K\u202erole\nabsent'))
    expect(shown).toContain('"no\\u{1b}[2K\\u{202e}role\\nabsent"')
  })

  test('is cut where it is long, and says by how much', () => {
    const shown = textOf(stuck, texts('x'.repeat(1000)))
    expect(shown).toContain(`"${'x'.repeat(300)}" and 700 characters more`)
  })

  test.each([
    [null, 'erased'],
    [undefined, 'never came'],
  ])('that is %s is said to be so', (text, words) => {
    const known = text === undefined ? new Map() : texts(text)
    expect(textOf(stuck, known)).toContain(words)
  })
})

test('absence names its probes and its time, and whether it was gone before', () => {
  const gone = reported(revoking, { kind: 'absent', probes, alreadyAbsent: true }, at)
  expect(textOf(gone, new Map())).toContain(
    'absent  probed 2023-11-14T22:13:20.000Z by pg_authid, pg_stat_activity, and was gone',
  )
})

test('EN-19 attested is named with its people, and never worded as absent', () => {
  const attested = {
    ...revoking,
    overdue: { since: at },
    attestors: ['bob', 'cy'],
    attested: true,
  } as unknown as typeof stuck
  expect(textOf(attested, new Map())).toBe(
    'state  payments-pg: revoking, attested by two, not probed absent\n' +
      'attested  by bob and cy',
  )
})

test('overdue says since when, and stops once absence was proven', () => {
  const late = { ...revoking, overdue: { since: at } }
  expect(stateWords(late)).toBe('revoking, OVERDUE since 2023-11-14T22:13:20.000Z')
  const gone = reported(late, { kind: 'absent', probes, alreadyAbsent: false }, at)
  expect(stateWords(gone)).toBe('absent')
})

test('a secret is exposed until its account is rotated', () => {
  const exposed = { ...revoking, shared: true, exposure: 'exposed' } as const
  const gone = reported(exposed, { kind: 'absent', probes, alreadyAbsent: false }, at)
  expect(textOf(gone, new Map())).toContain('of a shared account, EXPOSED')
  const late = textOf({ ...gone, rotationOverdue: { since: at } }, new Map())
  expect(late).toContain('NOT ROTATED in time, OVERDUE since 2023')
  const rotated = reported(gone, { kind: 'rotated', probes }, at)
  expect(textOf(rotated, new Map())).toContain('rotated 2023-11-14T22:13:20.000Z, shown by')
})

test('unknown counts as applied, and says so', () => {
  expect(stateWords({ ...fresh, phase: 'unknown' })).toBe('unknown, counts as applied')
})

import type { Digest, Instant, Json } from '@halligan/core'
import { describe, expect, it, test } from 'vitest'
import { textOf, utf8 } from './bytes.ts'
import { buildCaseFile, type CaseFile, caseFileBytes } from './case-file.ts'
import type { EntryDraft } from './entry.ts'
import { payloadDigest } from './envelope.ts'
import { nodeCrypto as crypto } from './node.ts'
import {
  actOf,
  genesis,
  grant,
  MemoryLog,
  nextRoster,
  note,
  pubOf,
  signAct,
  signerOf,
  start,
  target,
  tellDeniedStory,
  tellStory,
  tellWholeStory,
} from './testing.ts'
import { verifyCaseFile } from './verify-case.ts'

const whole = tellWholeStory()
const denied = tellDeniedStory()
const trusted = payloadDigest(crypto, whole.rosters[0] as CaseFile['rosters'][number])
const other: Digest = `sha256:${'0'.repeat(64)}`

const verify = (file: CaseFile, digest: Digest | null = trusted) =>
  verifyCaseFile(crypto, caseFileBytes(file), digest)

const codesOf = (file: CaseFile) => verify(file).failures.map(({ code }) => code)

describe('a case file', () => {
  it('is proven by the digest of a roster that its reader trusts', () => {
    const report = verify(whole)
    expect(report.failures).toEqual([])
    expect(report).toMatchObject({ verdict: 'proven', drill: false })
    expect(report.grant).toMatchObject({ phase: 'closed', finding: 'justified' })
    expect(report.members.every(({ ok }) => ok)).toBe(true)
  })

  it('is trusted by nobody without a digest, however consistent', () => {
    expect(verify(whole, null)).toMatchObject({ verdict: 'untrusted', failures: [] })
  })

  it('is not proven by another digest', () => {
    expect(verify(whole, other)).toMatchObject({ verdict: 'failed' })
    expect(verify(whole, other).failures).toContainEqual(
      expect.objectContaining({ where: 'rosters', code: 'untrusted_roster' }),
    )
  })

  it('tells a denied request as truly as an opened one', () => {
    expect(verify(denied)).toMatchObject({ verdict: 'proven', grant: { phase: 'denied' } })
  })

  it('is one canonical line', () => {
    const text = textOf(caseFileBytes(whole)) as string
    expect(text.indexOf('\n')).toBe(text.length - 1)
  })
})

describe('every byte of a case file counts', () => {
  const bytes = caseFileBytes(denied)
  const flipped = (at: number, mask: number) => {
    const copy = Uint8Array.from(bytes)
    copy[at] = (copy[at] ?? 0) ^ mask
    return verifyCaseFile(crypto, copy, trusted)
  }

  test('any one of them changed fails it, and it says where', { timeout: 120_000 }, () => {
    const unnoticed: number[] = []
    for (let at = 0; at < bytes.length; at++) {
      const { verdict, failures } = flipped(at, 1 << (at % 7))
      const says = failures.every(({ where, code }) => where !== '' && code !== '')
      if (verdict !== 'failed' || failures.length === 0 || !says) unnoticed.push(at)
    }
    expect(unnoticed).toEqual([])
  })

  test('AU-16 cut short, doubled, empty or foreign, it fails without a throw', () => {
    const twice = new Uint8Array([...bytes, ...bytes])
    const foreign = ['', '\n', 'null\n', '[]\n', '{}\n', '"case"\n', '{"type":1}\n'].map(
      utf8,
    )
    for (const source of [bytes.slice(0, -1), bytes.slice(1), twice, ...foreign])
      expect(verifyCaseFile(crypto, source, trusted)).toMatchObject({
        verdict: 'failed',
        grant: null,
      })
  })
})

/** The whole story, logged anew by a log that bends it. */
function relogged(bend: (draft: EntryDraft) => EntryDraft): CaseFile {
  const log = new MemoryLog()
  log.append({
    at: whole.entries[0]?.entry.at as Instant,
    kind: 'log_opened',
    subject: 'log',
    actor: 'system',
  })
  for (const { entry } of whole.entries) {
    const { v, id, prev, ...draft } = entry
    log.append(bend(draft as EntryDraft))
  }
  const entries = whole.entries.map((_, i) => log.prove(i + 1))
  const built = { ...whole, checkpoint: log.checkpoint(), entries }
  const { final, ...parts } = built
  return buildCaseFile(parts)
}

describe('a case file fails and says where', () => {
  const later = whole.entries.slice(1)
  const entryAt = (kind: string) =>
    whole.entries.findIndex(({ entry }) => entry.kind === kind)
  const without = (index: number) => whole.entries.filter((_, i) => i !== index)

  test.each<[string, Partial<CaseFile>, string, string]>([
    [
      'an entry left out',
      { entries: without(2) },
      'entries[2] approval_given',
      'broken_chain',
    ],
    ['its beginning left out', { entries: later }, 'entries[0] ruled', 'broken_chain'],
    ['a text left out', { blobs: whole.blobs.slice(1) }, 'blobs', 'missing_blob'],
    [
      'a text nobody committed to',
      { blobs: [...whole.blobs, { commitment: `sha256:${'f'.repeat(64)}`, erased: true }] },
      'blobs[2]',
      'stray_blob',
    ],
    [
      'another text',
      { blobs: whole.blobs.map((blob) => ({ ...blob, text: 'all was well' })) },
      'blobs[0]',
      'commitment_not_opened',
    ],
    [
      'another bundle',
      { bundle: { 'estate.yaml': 'estate: other\n' } },
      'bundle',
      'digest_mismatch',
    ],
    ['no bundle', { bundle: null }, 'bundle', 'missing_bundle'],
    ['another end', { final: denied.final }, 'final', 'replay_differs'],
    ['another estate', { estate: 'elsewhere' }, 'estate', 'other_estate'],
    [
      'another checkpoint',
      { checkpoint: tellStory().evidence.checkpoint },
      'entries[0] requested',
      'not_included',
    ],
  ])('%s', (_, change, where, code) => {
    expect(verify({ ...whole, ...change }).failures).toContainEqual(
      expect.objectContaining({ where, code }),
    )
  })

  test('a signature that proves nothing is refused, for no byte would bind it', () => {
    const [roster] = whole.rosters as [CaseFile['rosters'][number]]
    const stray = {
      kind: 'ed25519',
      keyid: signerOf('mallory').keyId,
      sig: 'AAAA',
    } as const
    const rosters = [{ ...roster, signatures: [...roster.signatures, stray] }]
    expect(codesOf({ ...whole, rosters })).toContain('stray_signature')
    const cosigned = `${whole.checkpoint}— witness.example/w AAAAAAAA\n`
    expect(codesOf({ ...whole, checkpoint: cosigned })).toContain('stray_signature')
  })

  test('erased texts are said to be erased and leave the rest proven', () => {
    const blobs = whole.blobs.map(
      ({ commitment }) => ({ commitment, erased: true }) as const,
    )
    expect(verify({ ...whole, blobs })).toMatchObject({ verdict: 'proven' })
  })

  test.each<[string, string, Readonly<Record<string, Json>>, string]>([
    [
      'INV-4 another approver than the one who signed',
      'approval_given',
      { by: 'dee' },
      'entry_differs',
    ],
    [
      'a longer life than the decision',
      'activated',
      { notAfter: 1_800_000_000_000 },
      'entry_differs',
    ],
    ['INV-4 a review by an approver', 'closed', { by: 'bob' }, 'reviewer_not_independent'],
    [
      'another finding than the reviewer',
      'closed',
      { finding: 'misused' },
      'entry_differs',
    ],
    [
      'another receipt than the enforcer',
      'reported',
      { receiptDigest: other },
      'entry_differs',
    ],
    ['an order for another target', 'ordered', { op: 'end' }, 'entry_differs'],
  ])('a log that claims %s', (_, kind, claim, code) => {
    const forged = verify(
      relogged((draft) => (draft.kind === kind ? { ...draft, ...claim } : draft)),
    )
    expect(forged.failures).toContainEqual(
      expect.objectContaining({ where: `entries[${entryAt(kind)}] ${kind}`, code }),
    )
  })

  test.each(['requested', 'approval_given', 'activated', 'closed'])(
    'RV-01 INV-17 a log that claims %s where nobody signed',
    (kind) => {
      const forged = relogged((draft) =>
        draft.kind === kind ? { ...draft, by: null, act: null } : draft,
      )
      expect(verify(forged).failures).toContainEqual(
        expect.objectContaining({
          where: `entries[${entryAt(kind)}] ${kind}`,
          code: 'missing_act',
        }),
      )
    },
  )

  test('a log that claims a return by nobody, and calls it a person’s', () => {
    const unsigned = (cause: string) =>
      relogged((draft) =>
        draft.kind === 'returned' ? { ...draft, by: null, act: null, cause } : draft,
      )
    expect(codesOf(unsigned('returned'))).toContain('missing_act')
    expect(codesOf(unsigned('all_refused'))).not.toContain('missing_act')
  })

  test.each([
    ['no probe', []],
    [
      'a probe that shows access',
      [
        { probe: 'pg_authid', absent: true, at: start },
        { probe: 'pg_stat_activity', absent: false, at: start },
      ],
    ],
  ])('EN-10 an enforcer that claims absence on %s', (_, probes) => {
    const told = tellWholeStory({
      report: (good) => (good.kind === 'absent' ? { ...good, probes } : good),
    })
    expect(codesOf(told)).toEqual(['absence_not_shown'])
  })

  test('RV-05 a reviewer from whom the log kept an entry', () => {
    const told = tellWholeStory({
      shown: (all) => all.filter(({ kind }) => kind !== 'exposed'),
    })
    expect(codesOf(told)).toEqual(['other_evidence'])
  })

  test('INV-23 RV-01 a review by a workload, which is also its owner’s', () => {
    expect(codesOf(tellWholeStory({ reviewer: 'robo' }))).toEqual([
      'not_human',
      'reviewer_not_independent',
    ])
  })

  test('INV-4 RV-01 a requester who attests that access is gone', () => {
    const act = signAct(
      actOf('attest', 'ada', { target, noteCommitment: note.commitment }, { grant }),
    )
    const forged = relogged((draft) =>
      draft.kind === 'exposed'
        ? { ...draft, kind: 'attestation_given', by: 'ada', act }
        : draft,
    )
    expect(codesOf(forged)).toContain('own_request')
  })

  test('a log that claims an attestation which nobody gave', () => {
    const forged = relogged((draft) =>
      draft.kind === 'exposed' ? { ...draft, kind: 'attested', by: ['bob', 'dee'] } : draft,
    )
    expect(codesOf(forged)).toContain('too_few_attestations')
  })

  test('a grant opened without the approvals it needed', () => {
    const lone = tellWholeStory({ approvers: ['bob'] })
    expect(verify(lone).failures).toContainEqual(
      expect.objectContaining({ code: 'too_few_approvals' }),
    )
  })

  test('a receipt that another than the enforcer signed', () => {
    const roster = {
      ...genesis,
      enforcers: genesis.enforcers.map((one) => ({
        ...one,
        keyId: signerOf('x').keyId,
        key: pubOf(signerOf('x')),
      })),
    }
    const report = verify(tellWholeStory({ roster }), null)
    expect(report.failures).toContainEqual(
      expect.objectContaining({
        code: 'bad_signature',
        where: expect.stringContaining('reported'),
      }),
    )
  })

  test('it may end with rosters that came after', () => {
    const rosters = [
      ...whole.rosters,
      nextRoster(whole.rosters, genesis, {
        people: genesis.people.filter(({ person }) => person !== 'dee'),
      }).envelope,
    ]
    expect(verify({ ...whole, rosters })).toMatchObject({ verdict: 'proven' })
  })

  test('a case that could not have happened is not built', () => {
    expect(() => buildCaseFile({ ...whole, grant, entries: [] })).toThrow('corrupt ledger')
  })
})

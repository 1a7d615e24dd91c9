import type { Directory, PrincipalId, PrincipalKind } from '@halligan/core'
import { nodeCrypto } from '@halligan/ledger/node'
import { describe, expect, it, test } from 'vitest'
import { bundleOf, edited, exampleFiles } from '../test/situation.ts'
import { checkBundle } from './check.ts'
import { lintBundle } from './lint.ts'

const people = (
  ...rows: readonly (readonly [string, PrincipalKind, string?])[]
): Directory =>
  new Map(
    rows.map(([person, kind, owner]) => [
      person as PrincipalId,
      {
        person: person as PrincipalId,
        kind,
        keys: [],
        ...(owner === undefined ? {} : { owner: owner as PrincipalId }),
      },
    ]),
  )

const everyone = people(
  ['ada', 'human'],
  ['bob', 'human'],
  ['cy', 'human'],
  ['dee', 'human'],
  ['robo', 'agent', 'ada'],
)

const lint = (from: string, to: string, directory: Directory | null = everyone) =>
  lintBundle(bundleOf({ ...exampleFiles, ...edited('estate.yaml', from, to) }), directory)

const reasons = (...found: Parameters<typeof lint>) =>
  lint(...found).map(({ reason }) => reason)

it("the example has no fault, with the roster's people or without", () => {
  expect(lintBundle(bundleOf(exampleFiles), everyone)).toEqual([])
  expect(checkBundle(nodeCrypto, exampleFiles)).toMatchObject({ ok: true })
})

describe('a system answers to', () => {
  const alone = '    owners: [eve]\n'
  const steward = '    owners: [bob]\n    steward: payments-leads\n'

  it('a steward when its owner is gone', () => {
    expect(reasons('owners: [bob]', 'owners: [eve]')).toEqual([])
  })

  it('two of security when there is no steward either', () => {
    expect(reasons(steward, alone)).toEqual([])
  })

  it('somebody, or the bundle is refused', () => {
    const without = people(['ada', 'human'], ['bob', 'human'], ['cy', 'human'])
    expect(reasons(steward, alone, without)).toContain(
      'nobody answers for payments-db: no owner, no steward, not two in security',
    )
  })

  it('people, never workloads', () => {
    const robots = people(['bob', 'agent', 'ada'], ['cy', 'agent', 'ada'], ['ada', 'human'])
    expect(lintBundle(bundleOf(exampleFiles), robots)).toContainEqual(
      expect.objectContaining({ reason: expect.stringMatching(/^nobody answers/) }),
    )
  })
})

describe('AP-08 a route that can never open is refused', () => {
  test.each([
    [
      'its group is empty',
      'payments-leads: [bob, cy]',
      'payments-leads: []',
      '1 approvals, 0 people to give them',
    ],
    [
      'its group is too small',
      'payments-leads: [bob, cy]',
      'payments-leads: [bob]',
      '2 approvals, 1 people to give them',
    ],
    [
      'nobody may ask',
      'payments-oncall: [ada]',
      'payments-oncall: []',
      'whoever asks, this route never opens',
    ],
    [
      'the approvers are the requesters',
      'payments-oncall: [ada]',
      'payments-oncall: [bob]',
      'whoever asks, this route never opens',
    ],
    [
      'nobody is left to review',
      'reviewers: [dee]',
      'reviewers: [bob]',
      'ada could ask, but too few others are left to approve and review',
    ],
  ])('since %s', (_, from, to, reason) => {
    expect(reasons(from, to)).toContain(reason)
  })

  it("since the requester's own agents do not count", () => {
    const owned = people(
      ['ada', 'human'],
      ['bob', 'agent', 'ada'],
      ['cy', 'human'],
      ['dee', 'human'],
    )
    const found = lintBundle(bundleOf(exampleFiles), owned).map(({ reason }) => reason)
    expect(found).toContain('2 approvals, 1 people to give them')
  })

  it('since whoever asks does not count as an approver', () => {
    const lines = lint('payments-oncall: [ada]', 'payments-oncall: [bob]').map(
      ({ line }) => line,
    )
    const source = exampleFiles['estate.yaml'] ?? ''
    expect(lines).toContain(
      source.slice(0, source.lastIndexOf('quorum:')).split('\n').length,
    )
  })

  it('with the line of the route', () => {
    const source = exampleFiles['estate.yaml'] ?? ''
    const line = source.slice(0, source.lastIndexOf('quorum:')).split('\n').length
    expect(lint('payments-leads: [bob, cy]', 'payments-leads: [bob]')).toContainEqual(
      expect.objectContaining({ file: 'estate.yaml', line }),
    )
  })
})

describe('a privilege that cannot be ended', () => {
  test.each([
    'attribute:SUPERUSER',
    'attribute:CREATEROLE',
    'attribute:REPLICATION',
    'role:pg_execute_server_program',
    'role:pg_write_server_files',
    'role:postgres',
    'account:root',
    'group:docker',
    'login:root',
  ])('%s is refused unless marked', (privilege) => {
    const change = `["${privilege}"]`
    expect(reasons('["role:payments_admin"]', change)).toEqual([
      expect.stringContaining(`${privilege} `),
    ])
    const marked = edited('estate.yaml', '["role:payments_admin"]', change)
    const text = marked['estate.yaml']?.replace(
      'maxLifeSeconds: 1800\n    targets',
      'maxLifeSeconds: 1800\n    unendable: true\n    targets',
    )
    expect(
      lintBundle(bundleOf({ ...exampleFiles, 'estate.yaml': text ?? '' }), everyone),
    ).toEqual([])
  })
})

describe('RQ-16 the control plane', () => {
  const meta = (...changes: readonly (readonly [string, string])[]) => {
    const source = (exampleFiles['estate.yaml'] ?? '').replace(
      'tier: 1',
      'tier: 1\n    meta: true',
    )
    const estate = changes.reduce((text, [from, to]) => text.replace(from, to), source)
    return lintBundle(bundleOf({ ...exampleFiles, 'estate.yaml': estate }), everyone).map(
      ({ reason }) => reason,
    )
  }

  it('opens to nobody alone, and to no single approval', () => {
    expect(meta()).toEqual(
      expect.arrayContaining([
        'whoever asks, this route never opens',
        'the control plane needs 2 approvals at least',
      ]),
    )
  })

  it('has nobody on both sides', () => {
    const dual = meta(
      ['payments-oncall: [ada]', 'payments-oncall: [ada, dee]'],
      ['payments-leads: [bob, cy]', 'payments-leads: [bob, cy, dee]'],
    )
    expect(dual).toContain('dee could both ask for and approve access to the control plane')
    expect(meta().some((reason) => reason.includes('both ask'))).toBe(false)
  })
})

it('PO-05 a change of policy needs people who can approve it', () => {
  const groups = 'groups: [payments-leads, security]'
  expect(reasons(groups, 'groups: [reviewers]')).toContain(
    '2 approvals, 1 people to give them',
  )
  const three = 'approvals: 2\n  groups: [payments-leads, security]'
  expect(reasons(three, three.replace('2', '3'))).toContain(
    'whoever proposes a bundle, fewer than 3 others could approve it',
  )
  expect(reasons(groups, 'groups: [security]')).toEqual([])
})

it('a forbid without advice is refused, for its reason is what people read', () => {
  const files = edited('solo.cedar', '@advice("one grant at a time when alone")\n', '')
  expect(lintBundle(bundleOf({ ...exampleFiles, ...files }), everyone)).toMatchObject([
    { file: 'solo.cedar', reason: 'solo-one-at-a-time forbids without @advice' },
  ])
})

it('a failing test of the bundle keeps it out, with its line', () => {
  const files = edited('tests/admin.yaml', 'open: [quorum]', 'open: [solo]')
  expect(checkBundle(nodeCrypto, { ...exampleFiles, ...files }, everyone)).toMatchObject({
    ok: false,
    error: [
      {
        file: 'tests/admin.yaml',
        line: 8,
        reason: expect.stringMatching(
          /^test failed: two approvals, .*open: quorum, not solo/,
        ),
      },
    ],
  })
})

test.each(['group:postgres', 'acl:superuser', 'sudo:root', 'role:docker', 'login:wheel'])(
  'a name is judged as what it names, and %s names nothing that lasts',
  (privilege) => {
    expect(reasons('["role:payments_admin"]', `["${privilege}"]`)).toEqual([])
  },
)

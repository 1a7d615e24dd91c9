import type { Entry } from '@halligan/ledger'
import { expect, test } from 'vitest'
import { history } from './entry.ts'

const at = 1_700_000_000_000
const probes = ['pg_authid', 'pg_auth_members', 'pg_stat_activity'].map((probe) => ({
  ...{ probe, at, absent: true },
}))
const entries = [
  { kind: 'requested', actor: 'ada', at },
  {
    ...{ kind: 'reported', actor: 'enforcer/enf-payments', at, target: 'payments-pg' },
    report: { kind: 'absent', alreadyAbsent: false, probes },
  },
].map((entry, index) => ({ index, entry: entry as unknown as Entry }))

test('a history has its words last, so that long ones push nothing aside', () => {
  expect(history(entries, new Map()).split('\n')).toEqual([
    'ENTRY  AT                        BY                     WHAT',
    '0      2023-11-14T22:13:20.000Z  ada                    requested',
    '1      2023-11-14T22:13:20.000Z  enforcer/enf-payments  reported absent payments-pg, by pg_authid, pg_auth_members, pg_stat_activity',
  ])
})

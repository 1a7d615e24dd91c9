import type { Digest, Instant, PrincipalId, Roster } from '@halligan/core'
import { vkeyOf } from '@halligan/ledger'
import { generateSigner, nodeCrypto } from '@halligan/ledger/node'
import { expect, test } from 'vitest'
import { type Change, nextRoster } from './roster-change.ts'

const origin = 'example.halligan/log'
const key = generateSigner().signer.publicKey
const prevDigest: Digest = `sha256:${'0'.repeat(64)}`
const old = {
  keyId: 'ed25519:0',
  alg: 'ed25519',
  pub: 'AA',
  approvesFrom: 0 as Instant,
} as const
const bob = 'bob' as PrincipalId

const roster: Roster = {
  estate: 'example',
  version: 3,
  prevDigest: null,
  trustees: [
    { person: bob, keyId: old.keyId, key: old.pub },
    { person: 'cy' as PrincipalId, keyId: 'ed25519:1', key: 'BB' },
  ],
  threshold: 1,
  logs: [{ origin, vkey: vkeyOf(nodeCrypto, origin, key), fromSize: 0 }],
  issuers: [],
  people: [{ person: bob, kind: 'human', keys: [old] }],
  approverGroups: {},
  enforcers: [
    { id: 'enf-payments', keyId: 'ed25519:2', key: 'CC', targets: ['payments-pg'] },
  ],
}
const nothing: Change = {
  replace: {},
  proposals: [],
  accept: [],
  dropKeys: [],
  enforcers: [],
  approvesFrom: 9 as Instant,
  closeLogAt: null,
}
const next = (change: Partial<Change>) =>
  nextRoster(roster, prevDigest, { ...nothing, ...change })

test('the next version follows the one before and changes nothing unasked', () => {
  expect(next({})).toEqual({ ok: true, value: { ...roster, version: 4, prevDigest } })
})

test('a key is taken in only for whom it was asked, and cools down first', () => {
  const proposal = {
    person: bob,
    kind: 'human',
    owner: null,
    keyId: 'ed25519:9',
    pub: 'NN',
  } as const
  const mallory = { ...proposal, person: 'mallory' as PrincipalId, keyId: 'ed25519:8' }
  const proposed = next({ proposals: [proposal, mallory], accept: [bob] })
  expect(proposed.ok && proposed.value.people).toEqual([
    {
      person: bob,
      kind: 'human',
      keys: [old, { keyId: 'ed25519:9', alg: 'ed25519', pub: 'NN', approvesFrom: 9 }],
    },
  ])
})

test('T3 of two keys proposed in one name, only the one that was compared is taken in', () => {
  const proposal = { person: bob, kind: 'human', owner: null } as const
  const proposals = [
    { ...proposal, keyId: 'ed25519:8', pub: 'THIEF' },
    { ...proposal, keyId: 'ed25519:9', pub: 'NN' },
  ]
  expect(next({ proposals, accept: [bob] })).toMatchObject({
    ok: false,
    error: { code: 'which_key' },
  })
  const proposed = next({ proposals, accept: ['bob=ed25519:9'] })
  expect(proposed.ok && proposed.value.people[0]?.keys.map(({ pub }) => pub)).toEqual([
    'AA',
    'NN',
  ])
  expect(next({ proposals, accept: ['bob=ed25519:7'] })).toMatchObject({
    error: { code: 'no_proposal' },
  })
})

test('nobody is taken in without a proposal', () => {
  expect(next({ accept: [bob] })).toMatchObject({
    ok: false,
    error: { code: 'no_proposal' },
  })
})

test('a lost key goes everywhere, from the trustees too', () => {
  const proposed = next({ dropKeys: [old.keyId] })
  expect(proposed.ok && proposed.value.people[0]?.keys).toEqual([])
  expect(proposed.ok && proposed.value.trustees.map(({ person }) => person)).toEqual(['cy'])
})

test('a trustee whose key is rotated stays a trustee, with the new one', () => {
  const proposal = { person: bob, kind: 'human', owner: null } as const
  const proposed = next({
    proposals: [{ ...proposal, keyId: 'ed25519:9', pub: 'NN' }],
    accept: [bob],
    dropKeys: [old.keyId],
  })
  expect(proposed.ok && proposed.value.trustees).toEqual([
    { person: 'bob', keyId: 'ed25519:9', key: 'NN' },
    roster.trustees[1],
  ])
})

test('leaving SAFE MODE closes the log where it was signed and goes on under the next origin', () => {
  const proposed = next({ closeLogAt: { origin, size: 25, root: 'cm9vdA==' } })
  expect(proposed.ok && proposed.value.logs).toEqual([
    { ...roster.logs[0], toSize: 25, toRoot: 'cm9vdA==' },
    { origin: `${origin}/e2`, vkey: vkeyOf(nodeCrypto, `${origin}/e2`, key), fromSize: 25 },
  ])
})

test('trustees, threshold and groups are replaced whole, and the chain goes on', () => {
  const replace = { threshold: 2, approverGroups: { leads: [bob] } }
  expect(next({ replace })).toEqual({
    ok: true,
    value: { ...roster, ...replace, version: 4, prevDigest },
  })
})

import { founders as parseFounders, parseValue } from '@halligan/contract'
import type { Envelope, Instant, Roster } from '@halligan/core'
import { payloadTypes, readRoster, sealEnvelope } from '@halligan/ledger'
import { nodeCrypto, signerFromSeed } from '@halligan/ledger/node'
import { describe, expect, test } from 'vitest'
import { founders, sessionStatement, signerOf } from '../../test/http-kit.ts'
import { genesisRoster } from '../genesis.ts'
import { nodeRandom } from '../node-ports.ts'
import { createSessions } from './session.ts'

const now = 1_760_000_000_000 as Instant
const later = (seconds: number) => (now + seconds * 1000) as Instant

const signers = {
  log: signerFromSeed(new Uint8Array(32).fill(1)),
  issuer: signerFromSeed(new Uint8Array(32).fill(2)),
}

function rosterOf(people: typeof founders.people = founders.people): Roster {
  const told = parseValue(parseFounders, { ...founders, people })
  if (!told.ok) throw new Error('founders do not parse')
  const read = readRoster(nodeCrypto, genesisRoster(nodeCrypto, told.value, signers, now))
  if (!read.ok) throw new Error(read.error.reason)
  return read.value
}

const roster = rosterOf()
const sessions = createSessions(nodeCrypto, nodeRandom, new Uint8Array(32).fill(5))

const signed = (
  principal: string,
  lie: Parameters<typeof sessionStatement>[3] = {},
  key = signerOf(principal.replace('enforcer/', '')),
): Envelope =>
  sessionStatement(principal, key, sessions.challenge(principal, roster, now), lie)

const tokenOf = (principal: string) => {
  const opened = sessions.open(signed(principal), roster, now)
  if (!opened.ok) throw new Error(opened.error.code)
  return opened.value.token
}

const callerOf = (token: string, at = now, of = roster) =>
  sessions.caller(`Bearer ${token}`, of, at)

describe('a session', () => {
  test('says who reads, for fifteen minutes', () => {
    const token = tokenOf('ada')
    expect(callerOf(token)).toMatchObject({
      ok: true,
      value: { kind: 'principal', principal: 'ada', until: later(900) },
    })
    expect(callerOf(token, later(899))).toMatchObject({ ok: true })
    expect(callerOf(token, later(900))).toMatchObject({
      error: { code: 'session_expired' },
    })
  })

  test('of an enforcer is one of its own kind', () => {
    expect(callerOf(tokenOf('enforcer/enf-payments'))).toMatchObject({
      value: { kind: 'enforcer', enforcer: 'enf-payments' },
    })
  })

  test('ends when its key leaves the roster', () => {
    const without = rosterOf(
      founders.people.map((one) => (one.person === 'ada' ? { ...one, keys: [] } : one)),
    )
    expect(callerOf(tokenOf('ada'), now, without)).toMatchObject({
      error: { code: 'no_session' },
    })
  })

  test('is not made from a token whose every part was made by somebody else', () => {
    const [claim = '', tag = ''] = tokenOf('ada').split('.')
    const forged = Buffer.from(
      Buffer.from(claim, 'base64url').toString().replace('ada', 'cy'),
    ).toString('base64url')
    const others = createSessions(nodeCrypto, nodeRandom, new Uint8Array(32).fill(6))
    for (const token of [
      `${forged}.${tag}`,
      `${claim}.${'A'.repeat(43)}`,
      claim,
      `${claim}.`,
      '',
    ])
      expect(callerOf(token)).toMatchObject({ error: { code: 'no_session' } })
    expect(others.caller(`Bearer ${claim}.${tag}`, roster, now)).toMatchObject({
      ok: false,
    })
    expect(sessions.caller(undefined, roster, now)).toMatchObject({ ok: false })
  })
})

describe('a challenge', () => {
  test('is used once', () => {
    const session = signed('ada')
    expect(sessions.open(session, roster, now)).toMatchObject({ ok: true })
    expect(sessions.open(session, roster, now)).toMatchObject({
      error: { code: 'bad_challenge' },
    })
  })

  test('lives for two minutes', () => {
    const session = signed('ada')
    expect(sessions.open(session, roster, later(120))).toMatchObject({
      error: { code: 'bad_challenge' },
    })
  })

  test.each<[string, Envelope]>([
    [
      'made for another',
      sessionStatement('ada', signerOf('ada'), sessions.challenge('bob', roster, now)),
    ],
    ['invented', sessionStatement('ada', signerOf('ada'), 'A'.repeat(72))],
    ['of another length', sessionStatement('ada', signerOf('ada'), 'AAAA')],
  ])('%s opens nothing', (_, session) => {
    expect(sessions.open(session, roster, now)).toMatchObject({
      error: { code: 'bad_challenge' },
    })
  })
})

describe('a statement opens nothing', () => {
  test.each<[string, Envelope]>([
    [
      'signed by another',
      signed('ada', { keyId: signerOf('ada').keyId }, signerOf('mallory')),
    ],
    ['for another estate', signed('ada', { estate: 'other' })],
    ['for another log', signed('ada', { origin: 'other/log' })],
    ['with a field too many', signed('ada', { admin: true })],
    ['under another payload type', { ...signed('ada'), payloadType: payloadTypes.act }],
    ['that nobody signed', { ...sealEnvelope(payloadTypes.session, {}), signatures: [] }],
  ])('%s', (_, session) => {
    expect(sessions.open(session, roster, now)).toMatchObject({
      error: { code: 'bad_session_statement' },
    })
  })

  test.each<[string, Envelope]>([
    ['under the key of another', signed('ada', {}, signerOf('mallory'))],
    ['by nobody known', signed('eve')],
    ['under a key that is only proposed', signed('ada', {}, signerOf('eve'))],
    ['by an enforcer unknown', signed('enforcer/enf-other', {}, signerOf('eve'))],
  ])('%s: the roster does not know the key', (_, session) => {
    expect(sessions.open(session, roster, now)).toEqual({
      ok: false,
      error: { code: 'unknown_key', keyId: session.signatures[0]?.keyid },
    })
  })
})

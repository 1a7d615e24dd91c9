/**
 * Sessions only read. A principal signs the server's challenge and gets a bearer for fifteen minutes; nothing
 * is stored, and a key that leaves the roster takes its sessions with it.
 *
 * @module
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { type SessionStatement, sessionStatement } from '@halligan/contract'
import {
  currentLog,
  type Envelope,
  type Instant,
  type KeyId,
  ok,
  type PrincipalId,
  type Result,
  type Roster,
  refuse,
  secondsAfter,
} from '@halligan/core'
import { type Crypto, payloadTypes, readEnvelope, verifyEnvelope } from '@halligan/ledger'
import type { Random } from '../ports.ts'

/** Whoever holds a session, as the roster in force names it. */
export type Caller = Readonly<
  | { kind: 'principal'; id: string; principal: PrincipalId; keyId: KeyId; until: Instant }
  | { kind: 'enforcer'; id: string; enforcer: string; keyId: KeyId; until: Instant }
>

export type SessionRefusal = Readonly<
  | { code: 'no_session' }
  | { code: 'session_expired' }
  | { code: 'bad_challenge' }
  | { code: 'bad_session_statement' }
  | { code: 'unknown_key'; keyId: string }
>

export interface Sessions {
  /** Good for two minutes, for `principal` alone, once. */
  challenge(principal: string, roster: Roster, now: Instant): string
  /** A bearer against a challenge that the principal's own key signed. */
  open(
    session: Envelope,
    roster: Roster,
    now: Instant,
  ): Result<{ readonly token: string; readonly expires: Instant }, SessionRefusal>
  /** Whose bearer `authorization` is. */
  caller(
    authorization: string | undefined,
    roster: Roster,
    now: Instant,
  ): Result<Caller, SessionRefusal>
}

export const challengeSeconds = 120
export const sessionSeconds = 900

type Key = Readonly<{ keyId: KeyId; pub: string }>

/** `key` is 32 bytes that no one else holds. */
export function createSessions(crypto: Crypto, random: Random, key: Uint8Array): Sessions {
  const mac = macWith(key)
  const spent = new Map<string, Instant>()

  return {
    challenge(principal, roster, now) {
      const head = Buffer.alloc(22)
      head.set(random.bytes(16))
      head.writeUIntBE(secondsAfter(now, challengeSeconds), 16, 6)
      const tag = mac('challenge', head.toString('hex'), principal, originOf(roster))
      return Buffer.concat([head, tag]).toString('base64url')
    },

    open(session, roster, now) {
      const statement = readStatement(crypto, session, roster)
      if (!statement.ok) return statement
      const { challenge, principal, keyId } = statement.value
      const expiry = expiryOf(mac, challenge, principal, roster)
      if (expiry === null || now >= expiry || spent.has(challenge))
        return refuse({ code: 'bad_challenge' })
      forgetBefore(spent, now)
      spent.set(challenge, expiry)
      const expires = secondsAfter(now, sessionSeconds)
      const claim = Buffer.from(JSON.stringify([principal, keyId, expires]))
      const token = claim.toString('base64url')
      const tag = mac('session', token, originOf(roster)).toString('base64url')
      return ok({ token: `${token}.${tag}`, expires })
    },

    caller(authorization, roster, now) {
      const bearer = /^Bearer ([\w-]{1,512})\.([\w-]{43})$/.exec(authorization ?? '')
      if (bearer === null) return refuse({ code: 'no_session' })
      const [, token = '', tag = ''] = bearer
      const right = mac('session', token, originOf(roster)).toString('base64url')
      if (!equal(tag, right)) return refuse({ code: 'no_session' })
      const [id, keyId, until] = JSON.parse(
        Buffer.from(token, 'base64url').toString(),
      ) as readonly [string, KeyId, Instant]
      if (now >= until) return refuse({ code: 'session_expired' })
      if (!keysOf(roster, id).some((held) => held.keyId === keyId))
        return refuse({ code: 'no_session' })
      return ok(callerOf(id, keyId, until))
    },
  }
}

function callerOf(id: string, keyId: KeyId, until: Instant): Caller {
  if (!id.startsWith('enforcer/'))
    return { kind: 'principal', id, principal: id as PrincipalId, keyId, until }
  return { kind: 'enforcer', id, enforcer: id.slice('enforcer/'.length), keyId, until }
}

/**
 * The statement, if a key of the principal that it names has signed it for this estate and log. Whether the roster names
 * that key is said to anyone: rosters are public.
 */
function readStatement(
  crypto: Crypto,
  session: Envelope,
  roster: Roster,
): Result<SessionStatement, SessionRefusal> {
  const read = readEnvelope(payloadTypes.session, session)
  const parsed = read.ok ? sessionStatement.safeParse(read.value.value) : null
  if (!parsed?.success) return unproven
  const { data } = parsed
  if (data.estate !== roster.estate || data.origin !== originOf(roster)) return unproven
  const keys = keysOf(roster, data.principal).filter(({ keyId }) => keyId === data.keyId)
  if (keys.length === 0) return refuse({ code: 'unknown_key', keyId: data.keyId })
  const verified = verifyEnvelope(crypto, payloadTypes.session, session, keys)
  return verified.ok && verified.value.keyIds.includes(data.keyId) ? ok(data) : unproven
}

const unproven = refuse({ code: 'bad_session_statement' } as const)

function keysOf(roster: Roster, id: string): readonly Key[] {
  if (!id.startsWith('enforcer/'))
    return roster.people.find(({ person }) => person === id)?.keys ?? []
  return roster.enforcers
    .filter((enforcer) => `enforcer/${enforcer.id}` === id)
    .map(({ keyId, key }) => ({ keyId, pub: key }))
}

type Mac = (purpose: 'challenge' | 'session', ...parts: readonly string[]) => Buffer

const macWith =
  (key: Uint8Array): Mac =>
  (purpose, ...parts) =>
    createHmac('sha256', key)
      .update(`halligan/${purpose}/v1\0${JSON.stringify(parts)}`)
      .digest()

/** When `challenge` ends, or null when it was not made for `principal` here. */
function expiryOf(
  mac: Mac,
  challenge: string,
  principal: string,
  roster: Roster,
): Instant | null {
  const bytes = Buffer.from(challenge, 'base64url')
  if (bytes.length !== 54 || bytes.toString('base64url') !== challenge) return null
  const head = bytes.subarray(0, 22)
  const tag = mac('challenge', head.toString('hex'), principal, originOf(roster))
  if (!timingSafeEqual(bytes.subarray(22), tag)) return null
  return head.readUIntBE(16, 6) as Instant
}

function forgetBefore(spent: Map<string, Instant>, now: Instant): void {
  for (const [challenge, expiry] of spent) if (now >= expiry) spent.delete(challenge)
}

const originOf = (roster: Roster): string => currentLog(roster).origin

const equal = (one: string, other: string): boolean =>
  one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other))

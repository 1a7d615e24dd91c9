import { createHmac, timingSafeEqual } from 'node:crypto'
import {
  type Digest,
  type GrantId,
  type Instant,
  ok,
  type PrincipalId,
  type Result,
  refuse,
  secondsAfter,
  type Verb,
} from '@halligan/core'
import type { Random } from './ports.ts'

/** What a nonce is good for: one act by one person, in one life of the log (PROTOCOL 2). */
export type NonceScope = Readonly<{
  verb: Verb
  grant: GrantId | null
  termsDigest: Digest | null
  person: PrincipalId
  origin: string
}>

export type NonceRefusal = Readonly<
  | { code: 'bad_nonce' }
  | { code: 'nonce_expired'; expired: Instant }
  | { code: 'nonce_used' }
>

export interface Nonces {
  /** 72 base64url digits: 16 random bytes, the expiry in ms (6 bytes), HMAC-SHA256. */
  issue(scope: NonceScope, now: Instant): string
  /**
   * Whether this server made `nonce` for exactly `scope` and it still lives. Says nothing
   * about earlier use: that is the store's to say.
   */
  check(
    nonce: string,
    scope: NonceScope,
    now: Instant,
  ): Result<{ readonly issuedAt: Instant; readonly expires: Instant }, NonceRefusal>
}

export const nonceLifeSeconds = 300

/** `key` is the server's MAC secret, 32 bytes. Nothing is stored until a nonce is used. */
export function createNonces(random: Random, key: Uint8Array): Nonces {
  const macOf = (head: Uint8Array, scope: NonceScope) =>
    createHmac('sha256', key)
      .update('halligan/nonce/v1\0')
      .update(head)
      .update(
        JSON.stringify([
          scope.verb,
          scope.grant,
          scope.termsDigest,
          scope.person,
          scope.origin,
        ]),
      )
      .digest()

  return {
    issue(scope, now) {
      const head = Buffer.alloc(22)
      head.set(random.bytes(16))
      head.writeUIntBE(secondsAfter(now, nonceLifeSeconds), 16, 6)
      return Buffer.concat([head, macOf(head, scope)]).toString('base64url')
    },
    check(nonce, scope, now) {
      const bytes = Buffer.from(nonce, 'base64url')
      if (bytes.length !== 54 || bytes.toString('base64url') !== nonce)
        return refuse({ code: 'bad_nonce' })
      const head = bytes.subarray(0, 22)
      if (!timingSafeEqual(bytes.subarray(22), macOf(head, scope)))
        return refuse({ code: 'bad_nonce' })
      const expires = head.readUIntBE(16, 6) as Instant
      if (now >= expires) return refuse({ code: 'nonce_expired', expired: expires })
      return ok({ issuedAt: secondsAfter(expires, -nonceLifeSeconds), expires })
    },
  }
}

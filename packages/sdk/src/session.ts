import type { Instant, Result } from '@halligan/core'
import { ok } from '@halligan/core'
import { payloadTypes } from '@halligan/ledger'
import type { Authenticator } from './authenticator.ts'
import type { ClientRefusal } from './refusal.ts'
import type { Transport } from './transport.ts'

/** A bearer that reads, and can change nothing. */
export type Session = Readonly<{ token: string; expires: Instant }>

/** Signs the server's challenge for this estate and log origin alone. */
export async function openSession(
  transport: Transport,
  authenticator: Authenticator,
  to: Readonly<{ estate: string; origin: string }>,
  now: Instant,
): Promise<Result<Session, ClientRefusal>> {
  const { principal, keyId } = authenticator
  const asked = await transport.call('challenge', { body: { principal } })
  if (!asked.ok) return asked
  const session = await authenticator.seal(payloadTypes.session, {
    type: 'halligan/session/v1',
    estate: to.estate,
    origin: to.origin,
    principal,
    keyId,
    challenge: asked.value.challenge,
    at: now,
  })
  const opened = await transport.call('session', { body: { session } })
  return opened.ok ? ok(opened.value) : opened
}

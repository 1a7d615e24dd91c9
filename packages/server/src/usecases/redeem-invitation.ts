import {
  type Digest,
  type Instant,
  type KeyId,
  ok,
  type PrincipalId,
  type Result,
  refuse,
  secondsAfter,
} from '@halligan/core'
import { base64url, digestOfBytes, keyIdOf } from '@halligan/ledger'
import type { Placed, Tx } from '../store/port.ts'
import type { Deps } from './deps.ts'
import type { Refusal } from './refusal.ts'

export type Redemption = Readonly<{ code: string; principal: PrincipalId; pub: string }>

export type RedeemAnswer = Readonly<{ keyId: KeyId; entry: Placed }>

export const invitationLifeSeconds = 24 * 3600

/** Proposes the holder's key, once for each invitation; the same key again gets the same answer. It signs nothing until a roster holds it. */
export async function redeemInvitation(
  deps: Deps,
  redemption: Redemption,
): Promise<Result<RedeemAnswer, Refusal>> {
  const raw = base64url.decode(redemption.pub)
  if (raw?.length !== 32) return refused(deps, 'the key is not 32 bytes')
  const keyId = keyIdOf(deps.crypto, raw)
  const codeDigest = digestOfBytes(deps.crypto, new TextEncoder().encode(redemption.code))
  const answer = await deps.writer.submit<RedeemAnswer, Refusal>({
    name: 'redeem',
    key: null,
    run: (tx, now) => redeem(tx, redemption, { keyId, codeDigest }, now),
  })
  if (!answer.ok && answer.error.code === 'bad_invitation')
    deps.refusals.count(answer.error.code)
  return answer
}

function redeem(
  tx: Tx,
  { principal, pub }: Redemption,
  { keyId, codeDigest }: Readonly<{ keyId: KeyId; codeDigest: Digest }>,
  now: Instant,
): Result<RedeemAnswer, Refusal> {
  const about = tx
    .entriesOf('roster')
    .filter(({ entry }) => entry.codeDigest === codeDigest && entry.person === principal)
  const invited = about.find(({ entry }) => entry.kind === 'invited')?.entry
  if (invited === undefined) return bad('there is none such')
  const used = about.find(({ entry }) => entry.kind === 'key_proposed')
  if (used !== undefined)
    return used.entry.pub === pub ? ok({ keyId, entry: used }) : bad('it was used')
  if (now >= secondsAfter(invited.at, invitationLifeSeconds)) return bad('it has expired')
  const entry = tx.append({
    at: now,
    kind: 'key_proposed',
    subject: 'roster',
    actor: principal,
    person: principal,
    principalKind: invited.principalKind ?? null,
    owner: invited.owner ?? null,
    codeDigest,
    keyId,
    pub,
  })
  return ok({ keyId, entry })
}

const bad = (reason: string) => refuse({ code: 'bad_invitation', reason } as const)

function refused(deps: Deps, reason: string): Result<never, Refusal> {
  deps.refusals.count('bad_invitation')
  return bad(reason)
}

import type { Envelope, Json, KeyId, PrincipalId } from '@halligan/core'
import { type PayloadType, type Signer, sealEnvelope } from '@halligan/ledger'

/**
 * How a principal proves that it means something. A device key today; passkeys, SSH keys and OIDC log-in come in
 * here. One call, one statement, one signature: nothing signs two things at a gesture (AP-22).
 */
export interface Authenticator {
  readonly principal: PrincipalId
  readonly keyId: KeyId
  seal(type: PayloadType, value: Json): Promise<Envelope>
}

/** An Ed25519 key of this device. */
export const deviceKey = (principal: PrincipalId, signer: Signer): Authenticator => ({
  principal,
  keyId: signer.keyId,
  seal: async (type, value) => sealEnvelope(type, value, signer),
})

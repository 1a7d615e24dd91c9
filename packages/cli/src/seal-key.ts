import type { SealKey } from '@halligan/core'
import type { PrivateSealKey } from '@halligan/sdk'

/** A fresh X25519 key for one grant, so that no two grants' credentials share a key. */
export async function newSealKey(): Promise<PrivateSealKey> {
  const pair = await crypto.subtle.generateKey('X25519', true, ['deriveBits'])
  if (!('privateKey' in pair)) throw new Error('this machine makes no X25519 keys')
  const { x, d } = await crypto.subtle.exportKey('jwk', pair.privateKey)
  if (x === undefined || d === undefined) throw new Error('the new X25519 key is not whole')
  return { kty: 'OKP', crv: 'X25519', x, d }
}

export const publicPart = ({ kty, crv, x }: PrivateSealKey): SealKey => ({ kty, crv, x })

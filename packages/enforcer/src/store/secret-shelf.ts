import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import type { GrantId } from '@halligan/core'
import type { SecretShelf } from './port.ts'
import type { SealedRows } from './sqlite.ts'

/** 32 bytes from key.json. The database alone opens no secret. */
export type SecretKey = Uint8Array

const cipher = 'aes-256-gcm'
const nonceLength = 12
const tagLength = 16

/** AES-256-GCM under a fresh 96-bit nonce; grant and target are bound as associated data. */
export const sealedShelf = (key: SecretKey, rows: SealedRows): SecretShelf => ({
  put(grant, target, secret) {
    rows.put(grant, target, encrypt(key, placeOf(grant, target), secret))
  },
  get(grant, target) {
    const sealed = rows.get(grant, target)
    return sealed === null ? null : decrypt(key, placeOf(grant, target), sealed)
  },
  drop: rows.drop,
})

const placeOf = (grant: GrantId, target: string) => Buffer.from(`${grant}\n${target}`)

function encrypt(key: SecretKey, place: Uint8Array, secret: string): Uint8Array {
  const nonce = randomBytes(nonceLength)
  const sealing = createCipheriv(cipher, key, nonce).setAAD(place)
  const body = Buffer.concat([sealing.update(secret, 'utf8'), sealing.final()])
  return Buffer.concat([nonce, sealing.getAuthTag(), body])
}

/** Throws when the bytes were not sealed here for this place: the state was tampered with. */
function decrypt(key: SecretKey, place: Uint8Array, sealed: Uint8Array): string {
  const opening = createDecipheriv(cipher, key, sealed.subarray(0, nonceLength))
    .setAAD(place)
    .setAuthTag(sealed.subarray(nonceLength, nonceLength + tagLength))
  const body = opening.update(sealed.subarray(nonceLength + tagLength))
  return Buffer.concat([body, opening.final()]).toString('utf8')
}

import type { GrantId } from '@halligan/core'

const digits = 'abcdefghijklmnopqrstuvwxyz234567'

/** `g-` and 26 base32 digits of 16 random bytes (RFC 4648, lower case, no padding). */
export function newGrantId(bytes: Uint8Array): GrantId {
  if (bytes.length !== 16) throw new Error(`a grant id is of 16 bytes, not ${bytes.length}`)
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('')
  const groups = bits.padEnd(130, '0').match(/.{5}/g) ?? []
  return `g-${groups.map((group) => digits[Number.parseInt(group, 2)]).join('')}` as GrantId
}

/**
 * Strict text codecs for bytes (RFC 4648). Each byte string has exactly one spelling: padding, alphabet,
 * case and trailing bits are all checked, so no two texts name the same bytes.
 *
 * @module
 */

/** `decode` returns null for anything that `encode` could not have written. Never throws. */
export type Codec = Readonly<{
  encode(bytes: Uint8Array): string
  decode(text: string): Uint8Array | null
}>

const upper = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'
const letters = `${upper}${upper.toLowerCase()}0123456789`

/** RFC 4648 section 4, with padding. */
export const base64 = base64Codec(`${letters}+/`, true)

/** RFC 4648 section 5, without padding. */
export const base64url = base64Codec(`${letters}-_`, false)

/** RFC 4648 section 8, in lower case. */
export const hex: Codec = { encode: encodeHex, decode: decodeHex }

const ascii = new TextDecoder()

function base64Codec(alphabet: string, padded: boolean): Codec {
  const toCode = Uint8Array.from(alphabet, (digit) => digit.charCodeAt(0))
  const toValue = new Uint8Array(128).fill(64)
  toCode.forEach((code, value) => {
    toValue[code] = value
  })
  return {
    encode: (bytes) => encode64(bytes, toCode, padded),
    decode: (text) => decode64(text, toValue, padded),
  }
}

const pad = '='.charCodeAt(0)

function encode64(bytes: Uint8Array, toCode: Uint8Array, padded: boolean): string {
  const digits = Math.ceil((bytes.length * 4) / 3)
  const out = new Uint8Array(padded ? Math.ceil(digits / 4) * 4 : digits).fill(pad)
  const whole = bytes.length - (bytes.length % 3)
  let written = 0
  for (let i = 0; i < whole; i += 3) {
    const group = (at(bytes, i) << 16) | (at(bytes, i + 1) << 8) | at(bytes, i + 2)
    out[written++] = at(toCode, group >> 18)
    out[written++] = at(toCode, (group >> 12) & 63)
    out[written++] = at(toCode, (group >> 6) & 63)
    out[written++] = at(toCode, group & 63)
  }
  const rest = (at(bytes, whole) << 16) | (at(bytes, whole + 1) << 8)
  for (let shift = 18; written < digits; shift -= 6)
    out[written++] = at(toCode, (rest >> shift) & 63)
  return ascii.decode(out)
}

function decode64(text: string, toValue: Uint8Array, padded: boolean): Uint8Array | null {
  const digits = padded ? digitsBeforePadding(text) : text.length
  if (digits === null || digits % 4 === 1) return null
  const out = new Uint8Array(Math.floor((digits * 3) / 4))
  let pending = 0
  let bits = 0
  let written = 0
  for (let i = 0; i < digits; i++) {
    const value = toValue[text.charCodeAt(i)] ?? 64
    if (value === 64) return null
    pending = ((pending << 6) | value) & 0xffff
    bits += 6
    if (bits < 8) continue
    bits -= 8
    out[written++] = pending >> bits
  }
  const trailing = pending & ((1 << bits) - 1)
  return trailing === 0 ? out : null
}

function digitsBeforePadding(text: string): number | null {
  if (text.length % 4 !== 0) return null
  if (text.endsWith('==')) return text.length - 2
  return text.endsWith('=') ? text.length - 1 : text.length
}

function encodeHex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += hexOf[byte]
  return text
}

const hexOf = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

function decodeHex(text: string): Uint8Array | null {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/.test(text)) return null
  return Uint8Array.from({ length: text.length / 2 }, (_, i) =>
    Number.parseInt(text.slice(2 * i, 2 * i + 2), 16),
  )
}

const at = (bytes: Uint8Array, index: number): number => bytes[index] ?? 0

/**
 * Distinguished names as text (RFC 4514), for reading settings and for comparing what a directory shows. Names that reach
 * the directory are built by ldapts or taken from the settings whole, never put together from somebody's input.
 *
 * @module
 */
import { type GrantId, parseGrantId } from '@halligan/core'
import { DN } from 'ldapts'

const namePrefix = 'halligan-g-'

/** Of the entry of a grant, made from the grant alone, so that applying again never makes a second one (K-07). */
export const nameOf = (grant: GrantId): string => namePrefix + grant.slice('g-'.length)

/** Null for a name that no grant has. */
export function grantNamed(name: string): GrantId | null {
  if (!name.startsWith(namePrefix)) return null
  const parsed = parseGrantId(`g-${name.slice(namePrefix.length)}`)
  return parsed.ok ? parsed.value : null
}

export const dnOfGrant = (grant: GrantId, container: string): string =>
  `${new DN().addPairRDN('uid', nameOf(grant)).toString()},${container}`

/** The grant whose entry this is, directly in the container; null for any other entry. */
export function grantAt(dn: string, container: string): GrantId | null {
  const [own = '', ...above] = rdnsOf(dn) ?? []
  const isChild = above.join() === (rdnsOf(container) ?? []).join()
  return isChild && own.startsWith('uid=') ? grantNamed(own.slice('uid='.length)) : null
}

export const isDn = (value: unknown): value is string =>
  typeof value === 'string' && (rdnsOf(value) ?? []).length > 0

/** Equal for DNs that differ in case and spacing only. */
export function dnKey(dn: string): string {
  const rdns = rdnsOf(dn)
  if (rdns === null) throw new Error(`not a DN: ${JSON.stringify(dn)}`)
  return rdns.join(',')
}

export const sameDn = (one: string, other: string): boolean => dnKey(one) === dnKey(other)

export function isWithin(dn: string, base: string): boolean {
  const [rdns, above] = [rdnsOf(dn) ?? [], rdnsOf(base) ?? []]
  return rdns.slice(Math.max(0, rdns.length - above.length)).join() === above.join()
}

/** The name of an entry: attribute and value of its own, single-valued RDN. */
export function rdnOf(dn: string): Readonly<{ attribute: string; value: string }> | null {
  const [first = ''] = splitAt(dn, ',')
  const parts = splitAt(first, '+')
  const [attribute = '', ...rest] = (parts[0] ?? '').split('=')
  const value = unescaped(rest.join('=').trim())
  if (parts.length !== 1 || value === null) return null
  return { attribute: attribute.trim(), value }
}

/** Normalised RDNs, or null for what is no DN. Compared as most directories do: without case, white space collapsed. */
function rdnsOf(dn: string): readonly string[] | null {
  if (dn.includes('\0')) return null
  const rdns: string[] = []
  for (const rdn of splitAt(dn, ',')) {
    const parts = splitAt(rdn, '+').map(normalised)
    if (parts.includes(null)) return null
    rdns.push(parts.toSorted().join('+'))
  }
  return rdns
}

function normalised(part: string): string | null {
  const [, type = '', raw = ''] =
    /^\s*([A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)*)\s*=(.*)$/s.exec(part) ?? []
  const value = unescaped(raw.replace(/^\s+/, '').replace(/(?<!\\)\s+$/, ''))
  if (type === '' || value === null || value === '') return null
  const text = value.trim().replace(/\s+/g, ' ').toLowerCase()
  return `${type.toLowerCase()}=${text.replace(/[\\,+=]/g, (each) => `\\${each}`)}`
}

/** Splits at unescaped separators. */
function splitAt(text: string, separator: ',' | '+'): string[] {
  const parts: string[] = []
  let from = 0
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === separator) {
      parts.push(text.slice(from, at))
      from = at + 1
    }
  }
  return [...parts, text.slice(from)]
}

/** `\2C` is a byte, `\,` is the character; null for quotation marks, unescaped specials and broken escapes. */
function unescaped(value: string): string | null {
  const bytes: Uint8Array[] = []
  const whole = /(?:\\([0-9A-Fa-f]{2})|\\([ "#+,;<=>\\])|([^\\"+,;<>\0]))/gsuy
  let at = 0
  while (at < value.length) {
    whole.lastIndex = at
    const [found, hex, special, plain] = whole.exec(value) ?? []
    if (found === undefined) return null
    bytes.push(
      hex === undefined ? Buffer.from(special ?? plain ?? '') : Buffer.from(hex, 'hex'),
    )
    at += found.length
  }
  const text = Buffer.concat(bytes).toString('utf8')
  return text.includes('\0') ? null : text
}

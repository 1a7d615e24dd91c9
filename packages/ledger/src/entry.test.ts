import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { utf8 } from './bytes.ts'
import { commit } from './commitment.ts'
import { digestOf } from './digest.ts'
import { completeEntry, entryBytes, isOwnId, writeEntry } from './entry.ts'
import { keyIdOf } from './keyid.ts'
import { nodeCrypto as crypto } from './node.ts'
import { signerOf, start } from './testing.ts'

const draft = { at: start, kind: 'expired', subject: 'grant/g-1', actor: 'system' }

describe('an entry', () => {
  it('is named by its content, its place in the chain included', () => {
    const first = completeEntry(crypto, draft, null)
    const next = completeEntry(crypto, draft, first.id)
    expect(first.id).toBe(digestOf(crypto, { ...draft, v: 1, prev: null }))
    expect(next.id).not.toBe(first.id)
    expect([first, next].every((entry) => isOwnId(crypto, entry))).toBe(true)
  })

  it('is written as its canonical bytes, wherever its id falls among its members', () => {
    const member = fc.string({ unit: 'binary' }).filter((key) => key !== 'id')
    fc.assert(
      fc.property(fc.dictionary(member, fc.string({ unit: 'grapheme' })), (more) => {
        const { entry, bytes } = writeEntry(crypto, { ...more, ...draft }, null)
        expect(bytes).toEqual(entryBytes(entry))
        expect(isOwnId(crypto, entry)).toBe(true)
      }),
    )
  })

  it('with anything changed bears the wrong name', () => {
    const entry = completeEntry(crypto, draft, null)
    expect(isOwnId(crypto, { ...entry, actor: 'mallory' })).toBe(false)
    expect(isOwnId(crypto, { ...entry, prev: entry.id })).toBe(false)
  })
})

describe('a commitment', () => {
  const salt = crypto.sha256(utf8('salt'))

  it('is the digest of the domain, the salt and the bytes', () => {
    const preimage = Buffer.concat([utf8('halligan/blob/v1'), salt, utf8('why')])
    expect(commit(crypto, salt, utf8('why'))).toBe(
      `sha256:${Buffer.from(crypto.sha256(preimage)).toString('hex')}`,
    )
  })

  it('says nothing without its salt, and takes no short one', () => {
    expect(commit(crypto, crypto.sha256(salt), utf8('why'))).not.toBe(
      commit(crypto, salt, utf8('why')),
    )
    expect(() => commit(crypto, salt.slice(1), utf8('why'))).toThrow('32 bytes')
  })
})

test('a key id is the beginning of the hash of the raw key', () => {
  const { publicKey, keyId } = signerOf('bob')
  expect(keyId).toBe(keyIdOf(crypto, publicKey))
  expect(keyId).toMatch(/^ed25519:[0-9a-f]{32}$/)
})

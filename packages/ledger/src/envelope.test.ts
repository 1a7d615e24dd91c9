import type { Envelope } from '@halligan/core'
import { describe, expect, it, test } from 'vitest'
import { base64, base64url } from './base64.ts'
import { textOf, utf8 } from './bytes.ts'
import {
  addSignature,
  pae,
  payloadDigest,
  payloadTypes,
  readEnvelope,
  sealEnvelope,
  verifyEnvelope,
} from './envelope.ts'
import { nodeCrypto as crypto } from './node.ts'
import { signerOf } from './testing.ts'

const [bob, cy, mallory] = [signerOf('bob'), signerOf('cy'), signerOf('mallory')]
const keyOf = ({ keyId, publicKey }: typeof bob) => ({
  keyId,
  pub: base64url.encode(publicKey),
})
const keys = [keyOf(bob), keyOf(cy)]
const value = { say: 'naïve', n: 1 }
const sealed = sealEnvelope(payloadTypes.act, value, bob)
const withPayload = (text: string): Envelope =>
  addSignature({ ...sealed, payload: base64.encode(utf8(text)), signatures: [] }, bob)

test('the DSSE specification: PAE of hello world', () => {
  const encoded = pae('http://example.com/HelloWorld', utf8('hello world'))
  expect(textOf(encoded)).toBe('DSSEv1 29 http://example.com/HelloWorld 11 hello world')
})

test('PAE counts bytes, not characters', () => {
  expect(textOf(pae('é', utf8('€')))).toBe('DSSEv1 2 é 3 €')
})

describe('an envelope', () => {
  it('gives back what was sealed, and who of the expected signed', () => {
    expect(verifyEnvelope(crypto, payloadTypes.act, sealed, keys)).toMatchObject({
      ok: true,
      value: { value, keyIds: [bob.keyId] },
    })
  })

  it('INV-4 AP-05 counts one key once, however often it signed', () => {
    const thrice = addSignature(addSignature(sealed, bob), cy)
    const verified = verifyEnvelope(crypto, payloadTypes.act, thrice, keys)
    expect(verified.ok && verified.value.keyIds).toEqual([bob.keyId, cy.keyId])
  })

  it('has one digest, whoever signed', () => {
    const both = addSignature(sealed, cy)
    expect(payloadDigest(crypto, both)).toBe(payloadDigest(crypto, sealed))
  })

  test.each<[string, Envelope, string]>([
    [
      'another payload type',
      { ...sealed, payloadType: payloadTypes.order },
      'wrong_payload_type',
    ],
    ['a blank in the payload', withPayload('{"n": 1}'), 'not_canonical'],
    ['duplicate keys', withPayload('{"n":1,"n":2}'), 'not_canonical'],
    ['__proto__', withPayload('{"__proto__":1}'), 'not_canonical'],
    ['a payload that is not JSON', withPayload('hello'), 'not_canonical'],
    ['a payload that is not base64', { ...sealed, payload: '****' }, 'malformed_envelope'],
    ['an extra member', { ...sealed, alg: 'none' } as Envelope, 'malformed_envelope'],
    ['nothing', null as unknown as Envelope, 'malformed_envelope'],
    ['no signature', { ...sealed, signatures: [] }, 'bad_signature'],
    [
      "a stranger's signature alone",
      sealEnvelope(payloadTypes.act, value, mallory),
      'bad_signature',
    ],
    [
      "INV-12 a stranger's signature under a known key id",
      sealEnvelope(payloadTypes.act, value, { ...mallory, keyId: bob.keyId }),
      'bad_signature',
    ],
    [
      'INV-12 a signature made over another type',
      { ...sealEnvelope(payloadTypes.order, value, bob), payloadType: payloadTypes.act },
      'bad_signature',
    ],
    [
      'a bad signature beside a good one',
      {
        ...sealed,
        signatures: [
          ...sealed.signatures,
          { kind: 'ed25519', keyid: cy.keyId, sig: 'AAAA' },
        ],
      },
      'bad_signature',
    ],
  ])('is refused for %s', (_, envelope, code) => {
    expect(verifyEnvelope(crypto, payloadTypes.act, envelope, keys)).toMatchObject({
      ok: false,
      error: { code },
    })
  })

  it('can be read before it is believed', () => {
    expect(readEnvelope(payloadTypes.act, { ...sealed, signatures: [] })).toMatchObject({
      ok: true,
      value: { value },
    })
  })
})

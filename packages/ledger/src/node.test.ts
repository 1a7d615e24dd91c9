import { describe, expect, it, test } from 'vitest'
import { hex } from './base64.ts'
import { generateSigner, nodeCrypto, signerFromSeed } from './node.ts'

const bytes = (text: string) => hex.decode(text) as Uint8Array

const vectors = [
  [
    'test 1',
    '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    '',
    'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  ],
  [
    'test 2',
    '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    '72',
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  ],
] as const

describe('RFC 8032 section 7.1', () => {
  test.each(vectors)('%s', (_, seed, pub, message, signature) => {
    const signer = signerFromSeed(bytes(seed))
    expect(hex.encode(signer.publicKey)).toBe(pub)
    expect(hex.encode(signer.sign(bytes(message)))).toBe(signature)
    expect(nodeCrypto.verifyEd25519(bytes(pub), bytes(message), bytes(signature))).toBe(
      true,
    )
  })
})

describe('verification', () => {
  const { signer } = generateSigner()
  const message = Uint8Array.of(1, 2, 3)
  const signature = signer.sign(message)

  it('AU-16 answers false to anything malformed, and never throws', () => {
    const { publicKey } = signer
    const zeros = new Uint8Array(32)
    const wrong: readonly (readonly [Uint8Array, Uint8Array, Uint8Array])[] = [
      [publicKey, Uint8Array.of(1, 2), signature],
      [publicKey, message, signature.slice(1)],
      [publicKey, message, new Uint8Array(64)],
      [publicKey.slice(1), message, signature],
      [zeros.fill(0xff), message, signature],
      [new Uint8Array(0), message, new Uint8Array(0)],
    ]
    for (const args of wrong) expect(nodeCrypto.verifyEd25519(...args)).toBe(false)
  })

  it('refuses the second spelling of a signature: S plus the order of the group', () => {
    const order = bytes('edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010')
    const twin = Uint8Array.from(signature)
    let carry = 0
    for (let i = 0; i < 32; i++) {
      const sum = (twin[32 + i] ?? 0) + (order[i] ?? 0) + carry
      twin[32 + i] = sum & 0xff
      carry = sum >> 8
    }
    expect(nodeCrypto.verifyEd25519(signer.publicKey, message, twin)).toBe(false)
  })

  it('takes seeds of 32 bytes only', () => {
    expect(() => signerFromSeed(new Uint8Array(31))).toThrow('32 bytes')
  })
})

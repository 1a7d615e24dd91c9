import { createHash, createHmac } from 'node:crypto'
import { expect, test } from 'vitest'
import { scramVerifier } from './postgres-scram.ts'

/** The exchange of RFC 7677, section 3: user `user`, password `pencil`. */
const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64')
const clientFirst = 'n=user,r=rOprNGfwEbeRWgbNEkqO'
const nonce = 'rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0'
const serverFirst = `r=${nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`
const transcript = [clientFirst, serverFirst, `c=biws,r=${nonce}`].join(',')
const clientProof = Buffer.from('dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=', 'base64')
const serverSignature = '6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4='

const keysOf = (verifier: string) => {
  const [, stored = '', server = ''] = /\$([^$:]+):([^$:]+)$/.exec(verifier) ?? []
  return { stored: Buffer.from(stored, 'base64'), server: Buffer.from(server, 'base64') }
}

test('a verifier answers the exchange of RFC 7677 as its server does', () => {
  const keys = keysOf(scramVerifier('pencil', salt, 4096))
  const signature = createHmac('sha256', keys.server).update(transcript).digest('base64')
  expect(signature).toBe(serverSignature)
})

test('a verifier accepts the client of RFC 7677 and no other password', () => {
  const accepts = (stored: Buffer) => {
    const mask = createHmac('sha256', stored).update(transcript).digest()
    const clientKey = clientProof.map((byte, index) => byte ^ (mask[index] ?? 0))
    return createHash('sha256').update(clientKey).digest().equals(stored)
  }
  expect(accepts(keysOf(scramVerifier('pencil', salt, 4096)).stored)).toBe(true)
  expect(accepts(keysOf(scramVerifier('pencils', salt, 4096)).stored)).toBe(false)
})

test('a verifier has the form in which PostgreSQL recognises it', () => {
  expect(scramVerifier('pencil')).toMatch(
    /^SCRAM-SHA-256\$4096:[A-Za-z0-9+/]{22}==\$[A-Za-z0-9+/]{43}=:[A-Za-z0-9+/]{43}=$/,
  )
})

test('a password that SASLprep would change is not hashed', () => {
  expect(() => scramVerifier('pencíl')).toThrow('printable ASCII')
})

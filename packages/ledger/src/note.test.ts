import { describe, expect, it, test } from 'vitest'
import { base64 } from './base64.ts'
import { openCheckpoint, parseCheckpoint, signCheckpoint } from './checkpoint.ts'
import { nodeCrypto as crypto } from './node.ts'
import { openNote, parseVkey, signNote, vkeyOf } from './note.ts'
import { signerOf } from './testing.ts'
import { formatProof, parseProof } from './tlog-proof.ts'

/** The example of c2sp.org/signed-note. */
const vkey = 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k'
const note = `This is an example message.

— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
`
const signer = signerOf('log')
const origin = 'example.test/log'
const root = base64.encode(crypto.sha256(new Uint8Array()))
const logKey = vkeyOf(crypto, origin, signer.publicKey)

describe('a signed note', () => {
  test('C2SP signed-note: the example opens with its key', () => {
    expect(openNote(crypto, note, [vkey])).toEqual({
      ok: true,
      value: { text: 'This is an example message.\n', signedBy: [vkey] },
    })
    expect(
      vkeyOf(
        crypto,
        'example.com/foo',
        parseVkey(crypto, vkey)?.publicKey ?? new Uint8Array(),
      ),
    ).toBe(vkey)
  })

  it('may hold blank lines and signatures of strangers', () => {
    const signed = signNote(crypto, 'a\n\nb\n', origin, signer)
    const cosigned = `${signed}— stranger.example AAAAAAAA\n`
    expect(openNote(crypto, cosigned, [logKey])).toMatchObject({
      ok: true,
      value: { text: 'a\n\nb\n' },
    })
  })

  test.each([
    ['a changed text', note.replace('message', 'massage'), 'bad_note_signature'],
    [
      'a signature by nobody expected',
      signNote(crypto, 'a\n', origin, signer),
      'unknown_note_key',
    ],
    ['no signature', 'This is an example message.\n', 'malformed_note'],
    ['no blank line', note.replace('\n\n', '\n'), 'malformed_note'],
    ['a control character', note.replace('an ', 'an\t'), 'malformed_note'],
    ['a hyphen for the dash', note.replace('—', '-'), 'malformed_note'],
    ['a missing final newline', note.slice(0, -1), 'malformed_note'],
    ['trailing text', `${note}x`, 'malformed_note'],
    ['nothing', '', 'malformed_note'],
  ])('is refused for %s', (_, text, code) => {
    expect(openNote(crypto, text, [vkey])).toMatchObject({ ok: false, error: { code } })
  })

  test.each([
    ['another id', vkey.replace('530d903a', '530d903b')],
    ['another name', vkey.replace('foo', 'bar')],
    ['another signature type', vkey.replace('+Aeky', '+Beky')],
    ['a missing part', 'example.com/foo+530d903a'],
  ])('a verifier key with %s is none', (_, text) => {
    expect(parseVkey(crypto, text)).toBeNull()
  })
})

describe('a checkpoint', () => {
  const logs = [{ origin, vkey: logKey, fromSize: 0 }]
  const signed = signCheckpoint(crypto, { origin, size: 7, root }, signer)

  it('opens with the key that the roster gives its origin', () => {
    expect(openCheckpoint(crypto, signed, logs)).toEqual({
      ok: true,
      value: { origin, size: 7, root },
    })
  })

  test('AU-20 a rotated key signs up to its last size, the next key from there', () => {
    const next = signerOf('next log')
    const rotated = [
      { origin, vkey: logKey, fromSize: 0, toSize: 7, toRoot: root },
      { origin, vkey: vkeyOf(crypto, origin, next.publicKey), fromSize: 7 },
    ]
    const at = (size: number, by: typeof signer) =>
      openCheckpoint(crypto, signCheckpoint(crypto, { origin, size, root }, by), rotated).ok
    expect([at(6, signer), at(7, signer), at(8, signer)]).toEqual([true, true, false])
    expect([at(6, next), at(7, next), at(8, next)]).toEqual([false, true, true])
  })

  test('AU-20 a closed log ends at the root that the roster states', () => {
    const toRoot = base64.encode(crypto.sha256(Uint8Array.of(1)))
    const closed = [{ origin, vkey: logKey, fromSize: 0, toSize: 7, toRoot }]
    expect(openCheckpoint(crypto, signed, closed)).toMatchObject({
      error: { code: 'log_closed' },
    })
  })

  it('of an unknown origin is refused', () => {
    const elsewhere = signCheckpoint(
      crypto,
      { origin: 'other.test', size: 7, root },
      signer,
    )
    expect(openCheckpoint(crypto, elsewhere, logs)).toMatchObject({
      error: { code: 'unknown_log' },
    })
  })

  test.each([
    `${origin}\n07\n${root}\n`,
    `${origin}\n-1\n${root}\n`,
    `${origin}\n1e3\n${root}\n`,
    `${origin}\n99999999999999999999\n${root}\n`,
    `${origin}\n7\n${root}\nextension\n`,
    `${origin}\n7\n${root}`,
    `${origin}\n7\nAAAA\n`,
    `\n7\n${root}\n`,
    '',
  ])('%j is none', (text) => {
    expect(parseCheckpoint(text)).toBeNull()
  })
})

describe('a tlog-proof', () => {
  const hashes = [Uint8Array.from({ length: 32 }, (_, i) => i), new Uint8Array(32)]
  const text = formatProof({ index: 5, hashes, checkpoint: note })

  it('reads back, with and without a path', () => {
    expect(parseProof(text)).toEqual({ index: 5, hashes, checkpoint: note })
    const lone = { index: 0, hashes: [], checkpoint: note }
    expect(parseProof(formatProof(lone))).toEqual(lone)
  })

  it('is written as C2SP tlog-proof lays it out', () => {
    const [header, index, first, , blank] = text.split('\n')
    expect([header, index, blank]).toEqual(['c2sp.org/tlog-proof@v1', 'index 5', ''])
    expect(first).toBe('AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=')
  })

  test.each([
    ['another version', text.replace('@v1', '@v2')],
    ['unauthenticated extra data', text.replace('index', 'extra QUJD\nindex')],
    ['a leading zero', text.replace('index 5', 'index 05')],
    ['a short hash', text.replace('AAECAwQF', 'AwQF')],
    ['nothing', ''],
  ])('with %s is none', (_, bent) => {
    expect(parseProof(bent)).toBeNull()
  })
})

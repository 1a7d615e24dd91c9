/**
 * Signed notes (C2SP signed-note), Ed25519 only.
 *
 * @module
 */
import { ok, type Result, refuse } from '@halligan/core'
import { base64, hex } from './base64.ts'
import { concat, sameBytes, utf8 } from './bytes.ts'
import type { Crypto, Signer } from './crypto.ts'

/** A verifier key, parsed: `<name>+<hex key id>+<base64 of type and public key>`. */
export type NoteKey = Readonly<{ name: string; id: Uint8Array; publicKey: Uint8Array }>

export type NoteRefusal = Readonly<{
  code: 'malformed_note' | 'bad_note_signature' | 'unknown_note_key'
  reason: string
}>

export type OpenedNote = Readonly<{
  /** With its final newline. */
  text: string
  /** The vkeys that signed, in the order they were given. */
  signedBy: readonly string[]
}>

const ed25519 = 0x01
const maxNoteLength = 64 * 1024
const maxSignatures = 64

export function vkeyOf(crypto: Crypto, name: string, publicKey: Uint8Array): string {
  if (!isKeyName(name)) throw new Error(`not a key name: ${JSON.stringify(name)}`)
  const id = noteKeyId(crypto, name, publicKey)
  return `${name}+${hex.encode(id)}+${base64.encode(concat(Uint8Array.of(ed25519), publicKey))}`
}

/** Null unless the key is an Ed25519 one and its id is its own. */
export function parseVkey(crypto: Crypto, vkey: string): NoteKey | null {
  const plus = vkey.indexOf('+')
  const next = vkey.indexOf('+', plus + 1)
  if (plus < 0 || next < 0) return null
  const name = vkey.slice(0, plus)
  const id = hex.decode(vkey.slice(plus + 1, next))
  const key = base64.decode(vkey.slice(next + 1))
  if (!isKeyName(name) || id?.length !== 4) return null
  if (key?.length !== 33 || key[0] !== ed25519) return null
  const publicKey = key.slice(1)
  if (!sameBytes(id, noteKeyId(crypto, name, publicKey))) return null
  return { name, id, publicKey }
}

/** `text` must end in a newline; throws if it could not be read back. */
export function signNote(
  crypto: Crypto,
  text: string,
  name: string,
  signer: Signer,
): string {
  if (!text.endsWith('\n') || !isNoteText(text)) throw new Error('not the text of a note')
  if (!isKeyName(name)) throw new Error(`not a key name: ${JSON.stringify(name)}`)
  const id = noteKeyId(crypto, name, signer.publicKey)
  const signature = base64.encode(concat(id, signer.sign(utf8(text))))
  return `${text}\n— ${name} ${signature}\n`
}

/**
 * The text, if a key of `vkeys` signed it. Signatures by other keys are ignored; a bad one by a known key
 * refuses the note. A vkey that cannot be parsed throws: it is the caller's configuration.
 */
export function openNote(
  crypto: Crypto,
  note: string,
  vkeys: readonly string[],
): Result<OpenedNote, NoteRefusal> {
  const parsed = parseNote(note)
  if (parsed === null) return no('malformed_note', 'not a signed note')
  const message = utf8(parsed.text)
  const signedBy: string[] = []
  for (const vkey of vkeys) {
    const key = parseVkey(crypto, vkey)
    if (key === null) throw new Error(`not an Ed25519 verifier key: ${vkey}`)
    const signatures = parsed.signatures.filter((signature) => isBy(signature, key))
    if (signatures.length === 0) continue
    if (!signatures.every(({ sig }) => crypto.verifyEd25519(key.publicKey, message, sig)))
      return no('bad_note_signature', `the signature by ${key.name} does not verify`)
    signedBy.push(vkey)
  }
  if (signedBy.length === 0)
    return no('unknown_note_key', 'no signature by an expected key')
  return ok({ text: parsed.text, signedBy })
}

type NoteSignature = Readonly<{ name: string; id: Uint8Array; sig: Uint8Array }>

function parseNote(
  note: string,
): { text: string; signatures: readonly NoteSignature[] } | null {
  if (note.length > maxNoteLength || !isNoteText(note) || !note.endsWith('\n')) return null
  const blank = note.lastIndexOf('\n\n')
  if (blank < 0) return null
  const lines = note.slice(blank + 2, -1).split('\n')
  if (lines.length > maxSignatures) return null
  const signatures: NoteSignature[] = []
  for (const line of lines) {
    const signature = parseSignature(line)
    if (signature === null) return null
    signatures.push(signature)
  }
  return { text: note.slice(0, blank + 1), signatures }
}

function parseSignature(line: string): NoteSignature | null {
  const [dash, name, signature, ...more] = line.split(' ')
  if (dash !== '—' || name === undefined || signature === undefined) return null
  const bytes = base64.decode(signature)
  if (more.length > 0 || !isKeyName(name) || bytes === null || bytes.length < 5) return null
  return { name, id: bytes.slice(0, 4), sig: bytes.slice(4) }
}

const isBy = (signature: NoteSignature, key: NoteKey): boolean =>
  signature.name === key.name && sameBytes(signature.id, key.id)

function noteKeyId(crypto: Crypto, name: string, publicKey: Uint8Array): Uint8Array {
  const type = Uint8Array.of(ed25519)
  return crypto.sha256(concat(utf8(`${name}\n`), type, publicKey)).slice(0, 4)
}

const isKeyName = (name: string): boolean =>
  /^[^\s+\p{White_Space}]+$/u.test(name) && isNoteText(name)

/** No control character but newline; well-formed, so that UTF-8 round-trips. */
const isNoteText = (text: string): boolean =>
  [...text].every((char) => char >= ' ' || char === '\n') && text.isWellFormed()

const no = (code: NoteRefusal['code'], reason: string) => refuse({ code, reason } as const)

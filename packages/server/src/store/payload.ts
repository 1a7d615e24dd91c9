import type { Envelope } from '@halligan/core'
import { base64, type Entry } from '@halligan/ledger'

/** The payload of an envelope that was verified before its entry was made. */
export const payloadOf = (envelope: Envelope): unknown =>
  JSON.parse(decoder.decode(base64.decode(envelope.payload) ?? new Uint8Array()))

const decoder = new TextDecoder()

export function envelopeIn(value: unknown): Envelope | null {
  if (typeof value !== 'object' || value === null) return null
  return 'payload' in value && 'payloadType' in value ? (value as Envelope) : null
}

export function textIn(entry: Entry, name: string): string {
  const value = entry[name]
  if (typeof value !== 'string') throw corruptEntry(entry, `${name} is not a text`)
  return value
}

export const corruptEntry = (entry: Entry, why: string): Error =>
  new Error(`corrupt ledger: ${entry.kind} of ${entry.subject}: ${why}`)

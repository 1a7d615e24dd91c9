/**
 * The journal: where ends and receipts go while the log may not be appended to (PROTOCOL 7). One signed line
 * each, chained by digest, fsynced before it is answered. The next log imports it.
 *
 * @module
 */
import {
  closeSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'
import type { Digest, Envelope, Instant, Json } from '@halligan/core'
import {
  base64url,
  type Crypto,
  canonicalText,
  payloadDigest,
  payloadTypes,
  readEnvelope,
  type Signer,
  sealEnvelope,
  verifyEnvelope,
} from '@halligan/ledger'
import type { JournalItem } from './store/port.ts'

/** `prev` is the payload digest of the line before. */
export type JournalLine = Readonly<{
  type: 'halligan/journal/v1'
  origin: string
  seq: number
  prev: Digest | null
  at: Instant
  item: JournalItem
}>

export interface Journal {
  /** Durable when it returns: the number of its line. The same item again keeps its line. Throws when the disk refuses. */
  append(item: JournalItem, at: Instant): number
  lines(): readonly Envelope[]
  close(): void
}

export type JournalOptions = Readonly<{
  path: string
  origin: string
  crypto: Crypto
  /** The log's key. */
  signer: Signer
}>

/** Throws when the file's chain is broken: a journal that was edited is no evidence. */
export function openJournal(options: JournalOptions): Journal {
  const { path, origin, crypto, signer } = options
  const file = openSync(path, 'a+', 0o600)
  const key = { keyId: signer.keyId, pub: base64url.encode(signer.publicKey) }
  const whole = wholeLines(readFileSync(path, 'utf8'))
  const lines = readJournal(crypto, whole, [key])
  let size = Buffer.byteLength(whole)
  ftruncateSync(file, size)
  syncFolder(path)
  const nameOf = ({ kind, envelope }: JournalItem) =>
    `${kind} ${payloadDigest(crypto, envelope)}`
  const seqs = new Map(lines.map((line, seq) => [nameOf(itemIn(line)), seq]))

  return {
    append(item, at) {
      const known = seqs.get(nameOf(item))
      if (known !== undefined) return known
      const last = lines.at(-1)
      const line: JournalLine = {
        type: 'halligan/journal/v1',
        origin,
        seq: lines.length,
        prev: last === undefined ? null : payloadDigest(crypto, last),
        at,
        item,
      }
      const envelope = sealEnvelope(payloadTypes.journal, line as unknown as Json, signer)
      const text = `${canonicalText(envelope as unknown as Json)}\n`
      // A full disk may have cut the line before this one short; it was never acknowledged.
      ftruncateSync(file, size)
      writeFileSync(file, text)
      fsyncSync(file)
      size += Buffer.byteLength(text)
      lines.push(envelope)
      seqs.set(nameOf(item), line.seq)
      return line.seq
    },
    lines: () => [...lines],
    close: () => closeSync(file),
  }
}

/**
 * The lines of a journal, each signed by one of `keys`, numbered from 0 without a gap and chained. A last line
 * without its newline was never acknowledged and is left out. Throws for anything else.
 */
export function readJournal(
  crypto: Crypto,
  text: string,
  keys: Parameters<typeof verifyEnvelope>[3],
): Envelope[] {
  const lines: Envelope[] = []
  for (const written of wholeLines(text).split('\n').slice(0, -1)) {
    const envelope = JSON.parse(written) as Envelope
    const read = verifyEnvelope<JournalLine>(crypto, payloadTypes.journal, envelope, keys)
    if (!read.ok)
      throw new Error(`corrupt journal: line ${lines.length}: ${read.error.reason}`)
    const last = lines.at(-1)
    const prev = last === undefined ? null : payloadDigest(crypto, last)
    if (read.value.value.seq !== lines.length || read.value.value.prev !== prev)
      throw new Error(
        `corrupt journal: line ${lines.length} does not follow the one before`,
      )
    lines.push(envelope)
  }
  return lines
}

/** Of a line that was read or written here. */
function itemIn(line: Envelope): JournalItem {
  const read = readEnvelope<JournalLine>(payloadTypes.journal, line)
  if (!read.ok) throw new Error('broken promise: a line of the journal is readable')
  return read.value.value.item
}

const wholeLines = (text: string): string => text.slice(0, text.lastIndexOf('\n') + 1)

function syncFolder(path: string): void {
  const folder = openSync(dirname(path), 'r')
  fsyncSync(folder)
  closeSync(folder)
}

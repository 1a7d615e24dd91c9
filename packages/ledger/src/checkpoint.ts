/**
 * Checkpoints (C2SP tlog-checkpoint): a signed statement of one log's size and root.
 *
 * @module
 */
import { ok, type Result, type RosterLog, refuse } from '@halligan/core'
import { base64 } from './base64.ts'
import type { Crypto, Signer } from './crypto.ts'
import { type NoteRefusal, openNote, parseVkey, signNote } from './note.ts'

/** `root` is standard base64 of the 32 bytes. */
export type Checkpoint = Readonly<{ origin: string; size: number; root: string }>

export type CheckpointRefusal =
  | NoteRefusal
  | Readonly<{
      code: 'malformed_checkpoint' | 'unknown_log' | 'log_closed'
      reason: string
    }>

/** The note's text: three lines, no extensions. */
export const checkpointText = ({ origin, size, root }: Checkpoint): string =>
  `${origin}\n${size}\n${root}\n`

/** Null for anything that {@link checkpointText} could not have written. */
export function parseCheckpoint(text: string): Checkpoint | null {
  const [origin, digits, root, end, ...more] = text.split('\n')
  if (origin === undefined || digits === undefined || root === undefined) return null
  if (end !== '' || more.length > 0 || origin === '') return null
  const size = parseCount(digits)
  if (size === null || base64.decode(root)?.length !== 32) return null
  return { origin, size, root }
}

/** The log's key name is its origin. */
export const signCheckpoint = (
  crypto: Crypto,
  checkpoint: Checkpoint,
  signer: Signer,
): string => signNote(crypto, checkpointText(checkpoint), checkpoint.origin, signer)

/**
 * The checkpoint, if a key that the roster gives to this origin at this size signed it. A rotated or closed
 * log's key is refused beyond the size at which the roster closed it (AU-20).
 */
export function openCheckpoint(
  crypto: Crypto,
  note: string,
  logs: readonly RosterLog[],
): Result<Checkpoint, CheckpointRefusal> {
  const claimed = parseCheckpoint(note.slice(0, note.lastIndexOf('\n\n') + 1))
  if (claimed === null) return no('malformed_checkpoint', 'not a checkpoint')
  const known = logs.filter((log) => isKeyOf(crypto, log, claimed.origin))
  if (known.length === 0) return no('unknown_log', `no log ${claimed.origin} in the roster`)
  const live = known.filter((log) => covers(log, claimed))
  if (live.length === 0)
    return no('log_closed', `no key of ${claimed.origin} signs at size ${claimed.size}`)
  const opened = openNote(
    crypto,
    note,
    live.map(({ vkey }) => vkey),
  )
  return opened.ok ? ok(claimed) : opened
}

/** ASCII decimal without leading zeroes. Null for anything else. */
export function parseCount(digits: string): number | null {
  if (!/^(?:0|[1-9][0-9]{0,15})$/.test(digits)) return null
  const count = Number(digits)
  return Number.isSafeInteger(count) ? count : null
}

const isKeyOf = (crypto: Crypto, log: RosterLog, origin: string): boolean =>
  log.origin === origin && parseVkey(crypto, log.vkey)?.name === origin

function covers(log: RosterLog, { size, root }: Checkpoint): boolean {
  if (size < log.fromSize || (log.toSize !== undefined && size > log.toSize)) return false
  return size !== log.toSize || log.toRoot === undefined || root === log.toRoot
}

const no = (code: 'malformed_checkpoint' | 'unknown_log' | 'log_closed', reason: string) =>
  refuse({ code, reason } as const)

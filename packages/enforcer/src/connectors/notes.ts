/**
 * What a connector notes of a grant on the enforcer's shelf, before it touches the target. A note may be damaged, or in the
 * form of another version. Then what ends access goes on by what the books and the target say, and says so in its readings;
 * what would make access, or make it anew, is refused.
 *
 * @module
 */
import type { GrantId, ProbeResult } from '@halligan/core'
import type { SecretShelf } from '../store/port.ts'
import type { Held } from './port.ts'

export type Notes<Note> = Readonly<{
  put(grant: GrantId, note: Note): void
  /** Null where there is none, and where it cannot be read. */
  of(grant: GrantId): Note | null
  isUnreadable(grant: GrantId): boolean
  /** Throws {@link UnreadableNote}. */
  mustBeReadable(grant: GrantId): void
  /** Of these grants. What was once read, or written, is not read again: there may be ten thousand. */
  unreadable(held: readonly Held[]): readonly GrantId[]
  drop(grant: GrantId): void
}>

/** Nothing is made on the strength of what cannot be read: it may say what is to be taken away again. */
export class UnreadableNote extends Error {
  override readonly name = 'UnreadableNote'
  constructor(grant: GrantId, target: string) {
    super(
      `what is noted of ${grant} on ${target} cannot be read: end it (return it, or enforcer end ${grant}), and ask anew`,
    )
  }
}

/**
 * Throws where neither note nor settings nor target say what the grant gave: then nothing that is read proves that it is gone. `known`: what
 * is known without the note.
 */
export function mustBeKnown(
  notes: Pick<Notes<unknown>, 'isUnreadable'>,
  grant: GrantId,
  known: object | null,
): void {
  if (known === null && notes.isUnreadable(grant))
    throw new Error(
      `what ${grant} gave is not known: its note cannot be read, and its person or its rights are gone from the settings or the target`,
    )
}

type Reading<Note> = Readonly<
  { kind: 'none' } | { kind: 'read'; note: Note } | { kind: 'unreadable' }
>

/** `parse` is given what JSON says, and answers null for what is no note. */
export function notesOn<Note>(
  shelf: SecretShelf,
  target: string,
  parse: (value: unknown) => Note | null,
): Notes<Note> {
  /** No more than are in the books. */
  let sound = new Set<GrantId>()
  const read = (grant: GrantId): Reading<Note> => {
    try {
      const text = shelf.get(grant, target)
      if (text === null) return { kind: 'none' }
      const note = parse(JSON.parse(text))
      return note === null ? { kind: 'unreadable' } : { kind: 'read', note }
    } catch {
      // Not why: a parser quotes what it was given, and that may be a password.
      return { kind: 'unreadable' }
    }
  }
  const isUnreadable = (grant: GrantId) => read(grant).kind === 'unreadable'
  return {
    put(grant, note) {
      shelf.put(grant, target, JSON.stringify(note))
      sound.add(grant)
    },
    of(grant) {
      const reading = read(grant)
      return reading.kind === 'read' ? reading.note : null
    },
    isUnreadable,
    mustBeReadable(grant) {
      if (isUnreadable(grant)) throw new UnreadableNote(grant, target)
    },
    unreadable(held) {
      const all = held.map(({ grant }) => grant)
      const bad = all.filter((grant) => !sound.has(grant) && isUnreadable(grant))
      const isBad = new Set(bad)
      sound = new Set(all.filter((grant) => !isBad.has(grant)))
      return bad
    },
    drop: (grant) => shelf.drop(grant, target),
  }
}

/** The readings of a grant, with one more where they were taken without its note: what only that knew was not looked at. */
export function admitting(
  notes: Pick<Notes<unknown>, 'isUnreadable'>,
  grant: GrantId,
  readings: readonly ProbeResult[],
): readonly ProbeResult[] {
  const [first] = readings
  if (first === undefined || !notes.isUnreadable(grant)) return readings
  return [...readings, { probe: 'without_note', absent: true, at: first.at }]
}

import type { SecretShelf } from '../store/port.ts'
import { isRecord } from '../strict-fields.ts'
import { type Notes, notesOn } from './notes.ts'

/** What is remembered of a grant's account until its absence is proven. */
export type AccountNote = Readonly<{
  /** The shared account that it checked out; null for one of its own. */
  shared: string | null
  /** Only to show that it opens nothing any more. */
  password: string
  /** Of an account of its own: what it was given, in the words of the target, where that is compared. */
  rights: string | null
}>

export type AccountNotes = Notes<AccountNote>

export const accountNotesIn = (shelf: SecretShelf, target: string): AccountNotes =>
  notesOn(shelf, target, noteIn)

/** Of a grant with an account of its own. */
export const ownNote = (password: string): AccountNote => ({
  shared: null,
  password,
  rights: null,
})

function noteIn(value: unknown): AccountNote | null {
  if (!isRecord(value)) return null
  const { shared, password, rights } = value
  if (
    (shared !== null && typeof shared !== 'string') ||
    typeof password !== 'string' ||
    (rights !== null && typeof rights !== 'string')
  )
    return null
  return { shared, password, rights }
}

import type { GrantId } from '@halligan/core'
import type { SecretShelf } from '../store/port.ts'
import { isRecord } from '../strict-fields.ts'

/** What is remembered of a grant's account until its absence is proven. */
export type Note = Readonly<{
  /** The shared account that it checked out; null for one of its own. */
  shared: string | null
  /** Only to show that it opens nothing any more. */
  password: string
  /** Of an account of its own: what it was given, in the words of the target, where that is compared. */
  rights: string | null
}>

export type Notes = Readonly<{
  put(grant: GrantId, note: Note): void
  get(grant: GrantId): Note | null
  drop(grant: GrantId): void
}>

export const notesIn = (shelf: SecretShelf, target: string): Notes => ({
  put: (grant, note) => shelf.put(grant, target, JSON.stringify(note)),
  get: (grant) => {
    const text = shelf.get(grant, target)
    return text === null ? null : parsed(text)
  },
  drop: (grant) => shelf.drop(grant, target),
})

/** Of a grant with an account of its own. */
export const ownNote = (password: string): Note => ({
  shared: null,
  password,
  rights: null,
})

function parsed(text: string): Note {
  const note: unknown = JSON.parse(text)
  if (!isRecord(note)) throw new Error('corrupt note of a grant')
  const { shared, password, rights } = note
  if (
    (shared !== null && typeof shared !== 'string') ||
    typeof password !== 'string' ||
    (rights !== null && typeof rights !== 'string')
  )
    throw new Error('corrupt note of a grant')
  return { shared, password, rights }
}

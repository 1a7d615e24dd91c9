import type { Instant } from '@halligan/core'
import type { SecretShelf } from '../store/port.ts'
import { isCount, isRecord, isTexts } from '../strict-fields.ts'
import { type Notes, notesOn } from './notes.ts'

/** What the enforcer keeps of a grant's certificates until all of them are proven useless. */
export type Memory = Readonly<{
  privileges: readonly string[]
  deadline: Instant
  /** Every certificate ever signed for the grant, delivered or not. */
  certificates: readonly Readonly<{ serial: string; certificate: string }>[]
  /** Of the last certificate, only to show that it opens nothing any more. */
  privateKey: string
  /** Hosts that may have been told to let one in. */
  asked: readonly string[]
}>

export type Memories = Notes<Memory>

export const memoriesIn = (shelf: SecretShelf, target: string): Memories =>
  notesOn(shelf, target, (value) => (isMemory(value) ? value : null))

const isMemory = (value: unknown): value is Memory =>
  isRecord(value) &&
  isTexts(value.privileges) &&
  isCount(0)(value.deadline) &&
  Array.isArray(value.certificates) &&
  value.certificates.every(isCertificate) &&
  typeof value.privateKey === 'string' &&
  isTexts(value.asked)

const isCertificate = (value: unknown): boolean =>
  isRecord(value) && isTexts([value.serial, value.certificate])

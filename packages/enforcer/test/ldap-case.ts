import type { GrantId, Instant, PrincipalId } from '@halligan/core'
import { Attribute, BerReader, BerWriter, Change } from 'ldapts'
import { afterEach } from 'vitest'
import type { Connector, Credential, Opening } from '../src/connectors/port.ts'
import { type EnforcerBooks, enforcerBooks } from './enforcer-books.ts'
import { freshGrant } from './fresh-grant.ts'
import type { LdapLab } from './ldap-lab.ts'

/** One grant on the lab's directory, as an enforcer leads it. */
export type LdapCase = Readonly<{
  grant: GrantId
  books: EnforcerBooks
  connector: Connector
  opening: Opening
  apply(): Promise<Credential>
  end(): Promise<void>
  /** Which probes show presence. */
  present(): Promise<readonly string[]>
  /** Ends, proves and cleans up. */
  finish(): Promise<void>
}>

export type LedBy = Readonly<{
  privileges?: readonly string[]
  requester?: string
  changed?: Readonly<Record<string, unknown>>
  books?: EnforcerBooks
  connector?: Connector
  deadline?: number
}>

export function ldapCase(lab: LdapLab, led: LedBy = {}): LdapCase {
  const grant = freshGrant()
  const books = led.books ?? enforcerBooks()
  const connector = led.connector ?? lab.connector(books, led.changed)
  const now = Date.now()
  const opening: Opening = {
    grant,
    target: lab.target,
    requester: (led.requester ?? 'ada') as PrincipalId,
    privileges: led.privileges ?? ['group:repair'],
    overlapKey: 'directory/repair',
    applyBefore: (now + 60_000) as Instant,
    deadline: (led.deadline ?? now + 900_000) as Instant,
  }
  const made: LdapCase = {
    grant,
    books,
    connector,
    opening,
    apply: async () => {
      books.keep({ ...opening, phase: 'standing' })
      const applied = await connector.apply(opening)
      if (applied.kind !== 'applied') throw new Error(applied.kind)
      return applied.credential
    },
    end: () => {
      books.become(grant, 'ending')
      return connector.end(grant, lab.target)
    },
    present: async () => {
      const probes = await connector.probeAbsent(grant, lab.target)
      if (probes.length === 0) throw new Error('no probe at all')
      return probes.filter(({ absent }) => !absent).map(({ probe }) => probe)
    },
    finish: async () => {
      await made.end()
      const left = await made.present()
      if (left.length > 0) throw new Error(`still present: ${left.join()}`)
      books.shelf.drop(grant, lab.target)
      books.become(grant, 'closing')
      await connector.cleanup(grant, lab.target)
      books.forget(grant)
    },
  }
  return made
}

/** Opens the connector of a case, and closes it after the test: called in a `describe`, before the hooks that are to run first. */
export function openedCases() {
  const open: Connector[] = []
  afterEach(async () => {
    for (const connector of open.splice(0)) await connector.close()
  })
  return async <T extends Readonly<{ connector: Connector }>>(led: T): Promise<T> => {
    await led.connector.open()
    open.push(led.connector)
    return led
  }
}

export const change = (
  operation: 'add' | 'delete' | 'replace',
  type: string,
  ...values: string[]
): Change => new Change({ operation, modification: new Attribute({ type, values }) })

/** What an LDAP message is for: its number, and the tag of its operation. Null for bytes that are none. */
export function readMessage(bytes: Buffer): Readonly<{ id: number; tag: number }> | null {
  const reader = new BerReader(bytes)
  if (reader.readSequence() === null) return null
  const id = reader.readInt()
  const tag = reader.peek()
  return id === null || tag === null ? null : { id, tag }
}

export const tags = {
  bind: 0x60,
  bound: 0x61,
  search: 0x63,
  searched: 0x65,
  modify: 0x66,
  modified: 0x67,
  referred: 0x73,
} as const

/** An answer with this result code and nothing else. */
export function answer(id: number, tag: number, code: number): Buffer {
  const writer = new BerWriter()
  writer.startSequence()
  writer.writeInt(id)
  writer.startSequence(tag)
  writer.writeEnumeration(code)
  writer.writeString('')
  writer.writeString('')
  writer.endSequence()
  writer.endSequence()
  return writer.buffer
}

/** A reference elsewhere, and then success: a search that was not wholly answered. */
export function referral(id: number): Buffer {
  const writer = new BerWriter()
  writer.startSequence()
  writer.writeInt(id)
  writer.startSequence(tags.referred)
  writer.writeString('ldap://elsewhere.example/')
  writer.endSequence()
  writer.endSequence()
  return Buffer.concat([writer.buffer, answer(id, tags.searched, 0)])
}

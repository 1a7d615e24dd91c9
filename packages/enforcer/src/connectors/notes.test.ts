import { inspect } from 'node:util'
import type { PrincipalId } from '@halligan/core'
import { expect, test } from 'vitest'
import { damagedNotes, enforcerBooks } from '../../test/enforcer-books.ts'
import { freshGrant } from '../../test/fresh-grant.ts'
import type { SecretShelf } from '../store/port.ts'
import { accountNotesIn, ownNote } from './account-note.ts'
import { blankNote, notesIn as ldapNotesIn } from './ldap-plan.ts'
import { ldapSettings } from './ldap-settings.ts'
import { notesIn as linuxNotesIn } from './linux-note.ts'
import { linuxSettings } from './linux-settings.ts'
import { UnreadableNote } from './notes.ts'
import { memoriesIn } from './openssh-memory.ts'
import type { Held } from './port.ts'

const target = 'payments'
const grant = freshGrant()
const held: readonly Held[] = [
  {
    ...{ grant, requester: 'ada' as PrincipalId },
    ...{ privileges: ['group:repair'], phase: 'standing' },
  },
]
const directory = ldapSettings({
  ...{ kind: 'ldap', target, url: 'ldaps://directory.lab', base: 'dc=lab' },
  ...{ bindDn: 'cn=halligan,dc=lab', password: { env: 'NONE' } },
  prober: { bindDn: 'cn=prober,dc=lab', password: { env: 'NONE' } },
  lock: 'cn=lock,dc=lab',
  accounts: { ada: 'uid=ada,dc=lab' },
  groups: { repair: { dn: 'cn=repair,dc=lab' } },
})
const host = linuxSettings({
  ...{ kind: 'linux', target, accounts: { ada: 'ada-adm' }, groups: { repair: {} } },
})

const kinds = [
  ['accounts', (shelf: SecretShelf) => accountNotesIn(shelf, target)],
  ['OpenSSH', (shelf: SecretShelf) => memoriesIn(shelf, target)],
  ['LDAP', (shelf: SecretShelf) => ldapNotesIn(directory, { shelf, held: () => held })],
  ['Linux', (shelf: SecretShelf) => linuxNotesIn(host, { shelf, held: () => held })],
] as const

const tampered = (): SecretShelf => ({
  ...enforcerBooks().shelf,
  get: () => {
    throw new Error('unable to authenticate data')
  },
})
const saying = (text: string) => (): SecretShelf => ({
  ...enforcerBooks().shelf,
  get: () => text,
})
const damages = [
  ['was tampered with', tampered],
  ['says nothing', saying('null')],
  ['has every field of another kind', saying('{"account":1,"privileges":1,"shared":1}')],
  ...damagedNotes.map(([name, text]) => [name, saying(text)] as const),
] as const

test.each(
  kinds.flatMap(([kind, of]) =>
    damages.map(([damage, shelf]) => [kind, damage, of, shelf] as const),
  ),
)('INV-10 of %s a note that %s is told, and neither thrown nor believed', (...row) => {
  const [, , of, shelf] = row
  const notes = of(shelf())
  expect(notes.of(grant)).toBeNull()
  expect(notes.isUnreadable(grant)).toBe(true)
  expect(notes.unreadable(held)).toEqual([grant])
  expect(() => notes.mustBeReadable(grant)).toThrow(UnreadableNote)
})

test('INV-10 rights whose note cannot be read are those of the order, and count as its own', () => {
  const shelf = tampered()
  expect(ldapNotesIn(directory, { shelf, held: () => held }).known(grant)).toMatchObject({
    account: 'uid=ada,dc=lab',
    rights: [{ group: 'repair', before: false, nested: false }],
  })
  expect(linuxNotesIn(host, { shelf, held: () => held }).memberships(grant)).toEqual({
    account: 'ada-adm',
    groups: { repair: { stood: false } },
  })
})

test('EN-17 what another grant of the same right knows of its past is believed', () => {
  const other = freshGrant()
  const both: readonly Held[] = held.flatMap((one) => [one, { ...one, grant: other }])
  const { shelf } = enforcerBooks()
  const directoryNotes = ldapNotesIn(directory, { shelf, held: () => both })
  const right = { group: 'repair', before: true, nested: false }
  const account = 'uid=ada,dc=lab'
  directoryNotes.put(other, { ...blankNote, account, rights: [right] })
  shelf.put(grant, target, 'damaged')
  expect(directoryNotes.known(grant)?.rights).toEqual([right])
  const hostNotes = linuxNotesIn(host, { shelf, held: () => both })
  hostNotes.put(other, {
    ...{ account: 'ada-adm', uid: 1001, since: { boot: '', ticks: 0 }, rule: null },
    groups: { repair: { gid: 7, stood: true } },
  })
  expect(hostNotes.memberships(grant)?.groups).toEqual({ repair: { stood: true } })
})

test('a note that can be read is, and a grant without one has none', () => {
  const notes = accountNotesIn(enforcerBooks().shelf, target)
  expect([notes.of(grant), notes.isUnreadable(grant)]).toEqual([null, false])
  notes.put(grant, ownNote('secret'))
  notes.mustBeReadable(grant)
  expect(notes.of(grant)).toEqual(ownNote('secret'))
  expect(notes.unreadable(held)).toEqual([])
})

test('INV-20 nothing of a damaged note is in what is told of it', () => {
  const notes = accountNotesIn(saying('{"password":hunter2')(), target)
  const told = () => {
    try {
      return notes.mustBeReadable(grant)
    } catch (error) {
      return error
    }
  }
  expect(told()).toBeInstanceOf(UnreadableNote)
  expect(inspect(told())).not.toContain('hunter2')
})

test('nothing is remembered of a grant that is over', () => {
  const { shelf } = enforcerBooks()
  const notes = accountNotesIn(shelf, target)
  notes.put(grant, ownNote('secret'))
  expect(notes.unreadable(held)).toEqual([])
  expect(notes.unreadable([])).toEqual([])
  shelf.put(grant, target, 'damaged')
  expect(notes.unreadable(held)).toEqual([grant])
})

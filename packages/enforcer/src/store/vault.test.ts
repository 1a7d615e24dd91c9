import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { readFile, rename } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Decrypter, generateIdentity, identityToRecipient } from 'age-encryption'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openVault } from './vault.ts'

const [target, account] = ['payments-pg', 'payments_owner']

let folder: string
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'halligan-vault-')), 'vault')
})
afterEach(() => rmSync(join(folder, '..'), { recursive: true }))

const files = () => readdirSync(folder).filter((name) => name.includes('.age'))

describe('what a crash leaves', () => {
  test('before anything: no secret', async () => {
    const secrets = await openVault(folder).secrets(target, account)
    expect(secrets).toEqual({ current: null, proposed: null, earlier: [], unreadable: [] })
  })

  test('between propose and confirm: both, whichever the target took', async () => {
    const vault = openVault(folder)
    await vault.propose(target, account, 'one')
    await vault.confirm(target, account)
    await vault.propose(target, account, 'two')
    expect(await openVault(folder).secrets(target, account)).toEqual({
      current: 'one',
      proposed: 'two',
      earlier: [],
      unreadable: [],
    })
  })

  test('K-07 after any number of proposals: all of them, until one is confirmed', async () => {
    const vault = openVault(folder)
    await vault.propose(target, account, 'zero')
    await vault.confirm(target, account)
    const all = Array.from({ length: 12 }, (_, index) => `secret ${index}`)
    for (const secret of all) await vault.propose(target, account, secret)
    await vault.propose(target, `${account}.proposed.1`, 'of another account')
    expect(await openVault(folder).secrets(target, account)).toEqual({
      ...{
        current: 'zero',
        proposed: 'secret 11',
        earlier: all.slice(0, 11),
        unreadable: [],
      },
    })
    await vault.confirm(target, account)
    expect(await openVault(folder).secrets(target, account)).toEqual({
      ...{ current: 'secret 11', proposed: null, earlier: [], unreadable: [] },
    })
  })

  test('K-07 a disk that takes no more: the last proposal is still the last', async () => {
    const vault = openVault(folder)
    for (const secret of ['one', 'two']) await vault.propose(target, account, secret)
    const before = files()
    const proposal = before.find((name) => name.endsWith('.proposed'))
    mkdirSync(join(folder, `${proposal}.new`))
    for (let times = 0; times < 3; times++)
      await expect(vault.propose(target, account, 'three')).rejects.toThrow('EISDIR')
    expect(await vault.secrets(target, account)).toMatchObject({
      ...{ proposed: 'two', earlier: ['one'] },
    })
    rmSync(join(folder, `${proposal}.new`), { recursive: true })
    expect(files()).toEqual(before)
  })

  test('of proposals that are withdrawn, the one before is the last again', async () => {
    const vault = openVault(folder)
    await vault.withdraw(target, account)
    for (const secret of ['one', 'two']) await vault.propose(target, account, secret)
    await vault.withdraw(target, account)
    expect(await vault.secrets(target, account)).toMatchObject({
      ...{ proposed: 'one', earlier: [] },
    })
    await vault.withdraw(target, account)
    expect(files()).toEqual([])
  })

  test.each(['', '.proposed'])(
    'a secret that nothing opens: the other, and what to do (NAME.age%s)',
    async (ending) => {
      const vault = openVault(folder)
      await vault.propose(target, account, 'one')
      await vault.confirm(target, account)
      await vault.propose(target, account, 'two')
      const damaged = files().find((name) => name.endsWith(`.age${ending}`)) ?? ''
      writeFileSync(join(folder, damaged), 'damaged')
      const { current, proposed, unreadable } = await vault.secrets(target, account)
      expect([current, proposed]).toEqual(ending === '' ? [null, 'two'] : ['one', null])
      expect(unreadable).toEqual([
        expect.stringMatching(`^the vault cannot read ${damaged}: .*move it away`),
      ])
      await vault.propose(target, account, 'three')
      await vault.confirm(target, account)
      expect(await vault.secrets(target, account)).toEqual({
        ...{ current: 'three', proposed: null, earlier: [], unreadable: [] },
      })
    },
  )

  test('after confirm: the new one alone; and confirming again, or for nothing, changes nothing', async () => {
    const vault = openVault(folder)
    await vault.propose(target, account, 'one')
    for (let times = 0; times < 2; times++) await vault.confirm(target, account)
    await vault.confirm(target, 'another')
    const secrets = await openVault(folder).secrets(target, account)
    expect(secrets).toEqual({ current: 'one', proposed: null, earlier: [], unreadable: [] })
  })

  test('in the middle of writing: what was there before', async () => {
    const vault = openVault(folder)
    await vault.propose(target, account, 'one')
    await vault.confirm(target, account)
    const [name = ''] = files()
    writeFileSync(join(folder, `${name}.proposed.new`), 'age-encryption.org/v1\nhalf')
    expect(await openVault(folder).secrets(target, account)).toEqual({
      current: 'one',
      proposed: null,
      earlier: [],
      unreadable: [],
    })
  })
})

describe('who can open it', () => {
  test('nothing in the folder shows a secret, and only its owner can read it', async () => {
    await openVault(folder).propose(target, account, 'hunter2')
    expect(statSync(folder).mode & 0o777).toBe(0o700)
    for (const name of readdirSync(folder)) {
      expect(statSync(join(folder, name)).mode & 0o077).toBe(0)
      expect(readFileSync(join(folder, name), 'latin1')).not.toContain('hunter2')
    }
  })

  test('who stands in recipients.txt opens, offline, what is sealed from then on', async () => {
    const vault = openVault(folder)
    await vault.propose(target, 'before', 'older')
    const custodian = await generateIdentity()
    const lines = ['# the safe in room 3', '', await identityToRecipient(custodian)]
    writeFileSync(join(folder, 'recipients.txt'), lines.join('\n'), { mode: 0o600 })
    await vault.propose(target, account, 'newer')
    const opens = async (name: string) => {
      const decrypter = new Decrypter()
      decrypter.addIdentity(custodian)
      return decrypter.decrypt(await readFile(join(folder, name)), 'text')
    }
    const hex = Buffer.from(account).toString('hex')
    expect(await opens(`${target}.${hex}.age.proposed`)).toBe('newer')
    const older = `${target}.${Buffer.from('before').toString('hex')}.age.proposed`
    await expect(opens(older)).rejects.toThrow()
    expect((await vault.secrets(target, account)).proposed).toBe('newer')
  })

  test.each([
    ['the folder', () => chmodSync(folder, 0o750), /read by others/],
    [
      'the identity',
      () => chmodSync(join(folder, 'identity.txt'), 0o640),
      /read by others/,
    ],
    [
      'a list of recipients that others may write',
      () => {
        writeFileSync(join(folder, 'recipients.txt'), '')
        chmodSync(join(folder, 'recipients.txt'), 0o666)
      },
      /changed by others/,
    ],
    [
      'a recipient that is none',
      () => writeFileSync(join(folder, 'recipients.txt'), 'age1mallory\n', { mode: 0o600 }),
      /no age recipient/,
    ],
  ])('%s: refused, with the reason, and nothing is sealed', async (_, spoil, reason) => {
    const vault = openVault(folder)
    await vault.propose(target, account, 'one')
    await vault.confirm(target, account)
    spoil()
    await expect(vault.propose(target, account, 'two')).rejects.toThrow(reason)
    expect(files()).toHaveLength(1)
  })

  test('an identity that is gone opens nothing, and what was sealed to it is not called empty', async () => {
    const vault = openVault(folder)
    await vault.propose(target, account, 'one')
    await rename(join(folder, 'identity.txt'), join(folder, 'identity.old'))
    expect(await vault.secrets(target, account)).toMatchObject({
      ...{ proposed: null, unreadable: [expect.stringContaining('the vault cannot read')] },
    })
  })
})

describe('hostile names', () => {
  test.each([
    '../../etc/passwd',
    '/etc/passwd',
    'a\u0000b',
    'line\nbreak',
    '.',
    '..',
    "'; drop role x; --",
    'Ünïcode 💥',
    'x'.repeat(128),
    '💥'.repeat(64),
    '-rf',
    '*',
  ])('%j stays in the folder, and apart from all others', async (name) => {
    mkdirSync(folder, { mode: 0o700 })
    const vault = openVault(folder)
    await vault.propose(target, name, 'mine')
    await vault.propose(target, `${name}2`, 'another')
    await vault.confirm(target, name)
    expect((await vault.secrets(target, name)).current).toBe('mine')
    expect(files()).toHaveLength(2)
    expect(readdirSync(join(folder, '..'))).toEqual(['vault'])
  })

  test('accounts of one name at two targets are two', async () => {
    const vault = openVault(folder)
    await vault.propose('a-pg', account, 'one')
    await vault.propose('b-pg', account, 'two')
    expect((await vault.secrets('a-pg', account)).proposed).toBe('one')
    expect((await vault.secrets('b-pg', account)).proposed).toBe('two')
  })
})

test('of many that make the identity at once there is one, and it opens what each sealed', async () => {
  const accounts = Array.from({ length: 12 }, (_, i) => `account-${i}`)
  await Promise.all(accounts.map((name) => openVault(folder).propose(target, name, name)))
  for (const name of accounts)
    expect((await openVault(folder).secrets(target, name)).proposed).toBe(name)
  expect(readdirSync(folder).filter((name) => name.startsWith('identity'))).toEqual([
    'identity.txt',
  ])
})

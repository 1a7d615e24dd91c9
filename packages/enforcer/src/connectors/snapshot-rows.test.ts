import { describe, expect, test } from 'vitest'
import { differenceOf as ofLinux } from './linux-snapshot.ts'
import { differenceOf as ofOpenssh } from './openssh-snapshot.ts'
import { differenceOf, type Row, snapshotOf } from './snapshot-rows.ts'

const member: Row = ['member', 'mallory in sudo', '']

describe('what two snapshots differ by', () => {
  test('is what was added, changed and removed', () => {
    const before = snapshotOf([member, ['role', 'ops', 'login']])
    const after = snapshotOf([
      ['role', 'ops', 'superuser'],
      ['role', 'evil', ''],
    ])
    expect(differenceOf(before, after)).toEqual([
      { what: 'role_added', object: 'evil' },
      { what: 'role_changed', object: 'ops (superuser)' },
      { what: 'member_removed', object: 'mallory in sudo' },
    ])
  })

  test('AP-14 names what neither could read: it is not called unchanged', () => {
    const unread = snapshotOf([['incomplete', 'ledger', 'the connector may not connect']])
    const told = { what: 'incomplete', object: 'ledger (the connector may not connect)' }
    expect(differenceOf(unread, unread)).toEqual([told])
  })

  test('AP-14 hides no second thing of the same name, wherever its row stands', () => {
    const own: Row = ['account', 'bob', '1001:1001::/home/bob']
    const root: Row = ['account', 'bob', '0:0::/root']
    const other: Row = ['account', 'bob', '2:2::/']
    const told = (what: string, [, name, detail]: Row) => {
      return { what: `account_${what}`, object: `${name} (${detail})` }
    }
    const [one, two] = [snapshotOf([own]), snapshotOf([root, own])]
    expect(differenceOf(one, two)).toEqual([told('added', root)])
    expect(differenceOf(two, one)).toEqual([told('removed', root)])
    expect(differenceOf(two, snapshotOf([other, own]))).toEqual([told('changed', other)])
    expect(differenceOf(one, snapshotOf([root, other]))).toEqual([
      told('changed', root),
      told('added', other),
    ])
  })

  test('AP-14 hides nothing that is named as if it were unread', () => {
    const unread: Row = ['incomplete', 'ledger', '']
    const disguised: Row = ['role', 'ledger: mallory', 'superuser']
    const found = differenceOf(snapshotOf([unread]), snapshotOf([unread, disguised]))
    expect(found).toContainEqual({
      what: 'role_added',
      object: 'ledger: mallory (superuser)',
    })
  })
})

describe('what only one of two snapshots could read is told once, and not compared', () => {
  test('setuid programs of a Linux host', () => {
    const whole = snapshotOf([['setuid', '/home/mallory/sh', '4755 0:0'], member])
    const part = snapshotOf([['incomplete', 'setuid', ''], member])
    const told = [{ what: 'incomplete', object: 'setuid' }]
    expect(ofLinux(whole, part)).toEqual(told)
    expect(ofLinux(part, whole)).toEqual(told)
  })

  test('a host that was away, of several', () => {
    const near: Row = ['account', 'near: ops', '1000']
    const whole = snapshotOf([near, ['account', 'far: ops', '1000']])
    const part = snapshotOf([near, ['incomplete', 'far', 'it cannot be read']])
    const told = [{ what: 'incomplete', object: 'far (it cannot be read)' }]
    expect(ofOpenssh(whole, part)).toEqual(told)
    expect(ofOpenssh(part, whole)).toEqual(told)
  })
})

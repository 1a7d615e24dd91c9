import { expect, test } from 'vitest'
import { differenceOf } from './linux-snapshot.ts'
import { type Row, snapshotOf } from './snapshot-rows.ts'

const unread: Row = ['incomplete', 'setuid', '']
const backdoor: Row = ['setuid', '/home/mallory/sh', '4755 0:0']
const member: Row = ['member', 'mallory in sudo', '']
const told = { what: 'incomplete', object: 'setuid' }

test('AP-14 what neither snapshot could read whole is told, not called unchanged', () => {
  const [before, after] = [snapshotOf([unread]), snapshotOf([unread, member])]
  expect(differenceOf(before, before)).toEqual([told])
  expect(differenceOf(before, after)).toEqual([
    told,
    { what: 'member_added', object: 'mallory in sudo ()' },
  ])
})

test('what only one of two snapshots could read is told once, and not compared', () => {
  const [whole, part] = [snapshotOf([backdoor]), snapshotOf([unread])]
  expect(differenceOf(whole, part)).toEqual([told])
  expect(differenceOf(part, whole)).toEqual([told])
})

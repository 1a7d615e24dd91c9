import { expect, test } from 'vitest'
import { type HostProcess, sudoRuns } from './linux-processes.ts'

const uid = 1000
const spoofed = { uid, command: '/usr/bin/true' }

const running = (more: Partial<HostProcess>): HostProcess => ({
  ...{ pid: 10, parent: 1, session: 10, started: 5, uids: [0, 0, 0, 0], gids: [0] },
  ...{ program: '/usr/bin/sleep', loginUid: uid, sudo: null, waitsFor: null },
  ...more,
})
const sudo = running({
  ...{ program: '/usr/bin/sudo', uids: [uid, 0, 0, 0] },
  ...{ sudo: spoofed, waitsFor: '/usr/sbin/repair' },
})

test('sudo that waits for a password is known by what it was asked for, not by what its caller put into its environment', () => {
  expect(sudoRuns([sudo], uid, 0)).toEqual([
    { members: [sudo], command: '/usr/sbin/repair', asUid: 0 },
  ])
})

test('what sudo runs is known by the environment that sudo gave it', () => {
  const command = running({
    ...{ pid: 11, parent: 10, session: 11 },
    sudo: { uid, command: '/usr/sbin/repair --now' },
  })
  expect(sudoRuns([sudo, command], uid, 0)).toEqual([
    { members: [sudo, command], command: '/usr/sbin/repair --now', asUid: 0 },
  ])
})

import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import {
  type HostProcess,
  readProcess,
  startedProcesses,
  sudoRuns,
} from './linux-processes.ts'

const uid = 1000
const spoofed = { uid, command: '/usr/bin/true' }

const running = (more: Partial<HostProcess>): HostProcess => ({
  ...{ pid: 10, parent: 1, session: 10, started: 5, uids: [0, 0, 0, 0], gids: [0] },
  ...{
    program: '/usr/bin/sleep',
    loginUid: uid,
    sudo: null,
    waitsFor: null,
    isStarting: false,
  },
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

describe('EN-17 what another grant allows is not taken for what nobody does', () => {
  let root: string
  let folder: string
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'halligan-proc-'))
    folder = join(root, 'proc/20')
    mkdirSync(folder, { recursive: true })
    become('/usr/bin/sudo', [uid, 0, 0, 0])
    writeFileSync(join(folder, 'stat'), `20 (sudo) S 10 20 20 ${'0 '.repeat(15)}7 0`)
  })
  afterEach(() => rmSync(root, { recursive: true }))

  const become = (program: string, uids: readonly number[]) => {
    rmSync(join(folder, 'exe'), { force: true })
    symlinkSync(program, join(folder, 'exe'))
    writeFileSync(join(folder, 'status'), `Uid:\t${uids.join('\t')}\nGid:\t0\n`)
  }
  const say = (words: string) => writeFileSync(join(folder, 'cmdline'), words)
  const host = { before: () => [], root: () => root }

  test('sudo that the kernel is still starting is waited for', async () => {
    say('')
    const pauses: number[] = []
    const found = await startedProcesses(host, uid, async (millis) => {
      pauses.push(millis)
      if (pauses.length === 3) say('sudo\0-n\0/usr/sbin/repair\0')
    })
    expect(sudoRuns(found, uid, 0)).toMatchObject([{ command: '/usr/sbin/repair' }])
    expect(pauses.length).toBe(3)
  })

  test('sudo that never says what for is waited for no longer than a second', async () => {
    say('')
    let waited = 0
    const found = await startedProcesses(host, uid, async (millis) => {
      waited += millis
    })
    expect(sudoRuns(found, uid, 0)).toMatchObject([{ command: null }])
    expect(waited).toBeLessThanOrEqual(1000)
  })

  test('sudo of somebody else, and sudo that says what for, are not waited for', async () => {
    say('')
    const never = () => Promise.reject(new Error('waited'))
    await startedProcesses(host, uid + 1, never)
    say('sudo\0-u\0ops\0true\0')
    const found = await startedProcesses(host, uid, never)
    expect(sudoRuns(found, uid, 0)).toMatchObject([{ command: null }])
  })

  test('sudo that ends, or whose number another takes over, while it is waited for is left out', async () => {
    say('')
    const other = `20 (sudo) S 10 20 20 ${'0 '.repeat(15)}8 0`
    const taken = await startedProcesses(host, uid, async () =>
      writeFileSync(join(folder, 'stat'), other),
    )
    expect(taken).toEqual([])
    const gone = await startedProcesses(host, uid, async () =>
      rmSync(folder, { recursive: true }),
    )
    expect(gone).toEqual([])
  })

  test('what becomes the command while it is read is read as the command, under its ids', async () => {
    say('sudo\0-n\0/usr/sbin/repair\0')
    const environ = join(folder, 'environ')
    execFileSync('mkfifo', [environ, `${environ}.next`])
    // A reading waits for what the pipe says, so that the process changes between two of its files.
    const changing = `cd "$1"
      exec 3> environ
      mv environ.next environ
      ln -sfn /usr/bin/repair exe
      printf 'Uid:\\t0\\t0\\t0\\t0\\nGid:\\t0\\n' > status
      exec 3>&-
      printf 'SUDO_UID=${uid}\\0SUDO_COMMAND=/usr/sbin/repair\\0' > environ`
    const child = spawn('sh', ['-ec', changing, 'sh', folder], { stdio: 'inherit' })
    onTestFinished(() => void child.kill())
    const over = new Promise((done) => child.once('exit', done))
    expect(readProcess(folder, 20)).toMatchObject({
      program: '/usr/bin/repair',
      uids: [0, 0, 0, 0],
      sudo: { uid, command: '/usr/sbin/repair' },
      waitsFor: null,
    })
    expect(await over).toBe(0)
  })
})

import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { placeOutside } from '../estate/postgres-server.ts'

const program = fileURLToPath(new URL('../../bin/halligan.js', import.meta.url))
let dir = ''
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'halligan-estate-'))
})
afterAll(async () => {
  const database = placeOutside(join(dir, 'estate', 'postgres'))
  for (const each of [dir, database]) await rm(each, { recursive: true, force: true })
})

type Started = Readonly<{
  process: ChildProcess
  /** Ids of its own children, by a word of their command lines. */
  child(word: string): number
  children(): readonly number[]
  said(): string
  /** The exit code. */
  over: Promise<number | null>
}>

/** `halligan estate start`, once it says that the estate runs. */
async function started(): Promise<Started> {
  const child = spawn(process.execPath, [
    ...[program, 'estate', 'start', '--dir', join(dir, 'estate'), '--port', '0'],
  ])
  const over = new Promise<number | null>((done) => child.once('close', done))
  let [out, said] = ['', '']
  child.stderr.on('data', (text) => {
    said += text
  })
  await new Promise<void>((done, fail) => {
    child.stdout.on('data', (text) => {
      out += text
      if (out.includes('example estate runs')) done()
    })
    over.then(() => fail(new Error(said)))
  })
  const children = () =>
    readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8')
      .split(' ')
      .filter(Boolean)
      .map(Number)
  return {
    process: child,
    children,
    child: (word) =>
      children().find((pid) => commandLine(pid).includes(word)) ?? Number.NaN,
    said: () => said,
    over,
  }
}

const commandLine = (pid: number): string => readFileSync(`/proc/${pid}/cmdline`, 'utf8')

const runs = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

describe('the example estate', () => {
  test.each([
    ['halligan-server', 'halligan-server.js', 'server.log'],
    ['halligan-enforcer', 'halligan-enforcer.js', 'enforcer.log'],
    ['PostgreSQL', 'bin/postgres', 'postgres.log'],
  ])('says that %s ended, stops the rest, and fails', async (name, word, log) => {
    const estate = await started()
    const all = estate.children().filter((pid) => !commandLine(pid).includes('/bin/sh'))
    expect(all.length).toBe(3)
    process.kill(estate.child(word), 'SIGKILL')
    expect(await estate.over).toBe(1)
    expect(estate.said()).toContain(`${name} ended (SIGKILL)`)
    expect(estate.said()).toMatch(new RegExp(`The end of .*${log}:\\n {2}\\| .`))
    expect(all.filter(runs)).toEqual([])
  })

  test('stops, and does not fail, when it is told to', async () => {
    const estate = await started()
    estate.process.kill('SIGINT')
    expect(await estate.over).toBe(0)
    expect(estate.said()).not.toContain('ended (')
  })
})

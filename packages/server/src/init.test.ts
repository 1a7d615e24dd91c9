import { type ChildProcess, spawn } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Envelope } from '@halligan/core'
import { addSignature, payloadTypes, sealEnvelope } from '@halligan/ledger'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { call, founders, initialised, signerOf } from '../test/http-kit.ts'
import { readConfig } from './config.ts'
import { createLog } from './http/log.ts'
import { initFounders, initGenesis } from './init.ts'
import { readKeys } from './keys.ts'
import { run } from './run.ts'

const folders: string[] = []
function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'halligan-init-'))
  folders.push(made)
  return made
}
afterAll(() => {
  for (const path of folders) rmSync(path, { recursive: true, force: true })
})

const bundle = new URL('../../cli/example/bundle/', import.meta.url).pathname
const quiet = createLog('silent')

/** Step one in a new folder: where the data is, and the unsigned roster. */
function begun() {
  const root = folder()
  const dir = join(root, 'data')
  const told = join(root, 'founders.json')
  writeFileSync(told, JSON.stringify(founders))
  const unsigned = JSON.parse(readFileSync(initFounders(dir, told), 'utf8')) as Envelope
  const finish = (roster: Envelope, from = bundle) => {
    const genesis = join(root, 'signed.json')
    writeFileSync(genesis, JSON.stringify(roster))
    return initGenesis({ dir, anchor: `${dir}.anchor`, genesis, bundle: from })
  }
  return { root, dir, told, unsigned, finish }
}

const by = (roster: Envelope, ...names: readonly string[]) =>
  names.reduce((signed, name) => addSignature(signed, signerOf(name)), roster)

describe('the ceremony', () => {
  test('CF-01 makes new keys each time, for nobody else to read', () => {
    const [one, other] = [begun(), begun()]
    const [first, second] = [readKeys(one.dir), readKeys(other.dir)]
    expect(first.log.keyId).not.toBe(second.log.keyId)
    expect(first.issuer.keyId).not.toBe(second.issuer.keyId)
    expect(first.mac).not.toEqual(second.mac)
    expect(first.incidentSecret).not.toBe(second.incidentSecret)
    expect(statSync(join(one.dir, 'keys.json')).mode & 0o777).toBe(0o600)
    expect(statSync(one.dir).mode & 0o777).toBe(0o700)
  })

  test('CF-01 no private key is shipped with the sources', () => {
    const here = new URL('./', import.meta.url)
    const files = readdirSync(here, { recursive: true }).map(String)
    expect(files.filter((name) => /\.(pem|key|p12|crt)$|keys\.json$/.test(name))).toEqual(
      [],
    )
    for (const name of files.filter((one) => one.endsWith('.ts')))
      expect(readFileSync(new URL(name, here), 'utf8')).not.toMatch(
        /BEGIN [A-Z ]*PRIVATE KEY-/,
      )
  })

  test('never overwrites the keys or the log of a server', async () => {
    const { dir, told, unsigned, finish } = begun()
    expect(() => initFounders(dir, told)).toThrow('holds the keys')
    await finish(by(unsigned, 'bob', 'cy'))
    await expect(finish(by(unsigned, 'bob', 'cy'))).rejects.toThrow('holds a log')
  })

  test.each<[string, (roster: Envelope) => Envelope]>([
    ['signed by too few', (roster) => by(roster, 'bob')],
    ['signed twice by one', (roster) => by(roster, 'bob', 'bob')],
    ['signed by people who are no trustees', (roster) => by(roster, 'bob', 'mallory')],
    [
      'changed after it was made',
      (roster) => {
        const text = Buffer.from(roster.payload, 'base64').toString()
        const wider = JSON.parse(text.replace('"threshold":2', '"threshold":1'))
        return by(sealEnvelope(payloadTypes.roster, wider), 'mallory')
      },
    ],
  ])('refuses a roster %s', async (_, change) => {
    const { unsigned, finish } = begun()
    await expect(finish(change(unsigned))).rejects.toThrow()
  })

  test('refuses the roster of another server: it names other keys', async () => {
    const [mine, others] = [begun(), begun()]
    await expect(mine.finish(by(others.unsigned, 'bob', 'cy'))).rejects.toThrow('log key')
  })

  test('refuses a bundle that does not hold, and says where', async () => {
    const { root, unsigned, finish } = begun()
    const broken = join(root, 'bundle')
    cpSync(bundle, broken, { recursive: true })
    writeFileSync(join(broken, 'access.cedar'), 'permit (')
    await expect(finish(by(unsigned, 'bob', 'cy'), broken)).rejects.toThrow('access.cedar')
  })
})

describe('a folder that is not as it was left', () => {
  test('CF-05 is not started from when its keys are readable to others', async () => {
    const { root, dir } = await initialised()
    folders.push(root)
    chmodSync(join(dir, 'keys.json'), 0o644)
    await expect(run(readConfig({ dir, port: '0' }, {}), quiet)).rejects.toThrow(
      'chmod 600',
    )
  })

  test("ST-07 opens nothing over somebody else's database, and says so", async () => {
    const [mine, others] = [await initialised(), await initialised()]
    folders.push(mine.root, others.root)
    cpSync(join(others.dir, 'halligan.db'), join(mine.dir, 'halligan.db'), { force: true })
    const running = await run(readConfig({ dir: mine.dir, port: '0' }, {}), quiet)
    const told = await call<{ ready: boolean; safeMode: string[] }>(
      running.url,
      'GET',
      '/healthz',
    )
    await running.stop()
    expect(told.body.ready).toBe(false)
    expect(told.body.safeMode.length).toBeGreaterThan(0)
  })
})

describe('the program', () => {
  let root: string
  let dir: string
  beforeAll(async () => {
    const made = await initialised()
    root = made.root
    dir = made.dir
    folders.push(root)
  })

  const program = new URL('../bin/halligan-server.js', import.meta.url).pathname
  const start = (...args: readonly string[]): ChildProcess =>
    spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })

  const textOf = async (stream: NodeJS.ReadableStream | null): Promise<string> => {
    let text = ''
    for await (const chunk of stream ?? []) text += String(chunk)
    return text
  }

  const exitOf = (child: ChildProcess): Promise<number | null> =>
    new Promise((resolve) => child.once('exit', (code) => resolve(code)))

  test('says where it answers once it does, and ends in order when told to', async () => {
    const child = start('run', '--dir', dir, '--port', '0')
    const exit = exitOf(child)
    const line = await new Promise<string>((resolve) =>
      child.stdout?.once('data', (chunk) => resolve(String(chunk))),
    )
    const url = /^halligan-server ready at (http:\S+)\n$/.exec(line)?.[1] ?? ''
    expect(await call(url, 'GET', '/healthz')).toMatchObject({ body: { ready: true } })
    child.kill('SIGTERM')
    expect(await exit).toBe(0)
  })

  test.each([
    ['no such command', ['fly'], 64],
    ['an unknown flag', ['run', '--fast'], 64],
    ['a folder that nobody initialised', ['run', '--dir', '/nowhere/at/all'], 1],
  ])('refuses %s', async (_, args, code) => {
    const child = start(...args)
    const [said, exit] = await Promise.all([textOf(child.stderr), exitOf(child)])
    expect(exit).toBe(code)
    expect(said).not.toBe('')
  })
})

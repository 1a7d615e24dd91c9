import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { main } from './main.ts'
import { testMachine } from './testing-machine.ts'

let folder = ''
const trust = `sha256:${'0'.repeat(64)}`

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'halligan-cli-'))
})
afterAll(() => rm(folder, { recursive: true }))

const at = (name: string) => join(folder, name)
const env = (home: string) => ({
  HALLIGAN_HOME: at(home),
  HALLIGAN_PASSPHRASE: 'correct horse',
})

async function run(args: readonly string[], home = 'nobody') {
  const machine = testMachine({ env: env(home) })
  const code = await main(args, machine)
  return { code, out: machine.out.join('\n'), said: machine.said.join('\n') }
}

describe('exit codes', () => {
  test.each<[string, readonly string[], number]>([
    ['help is no failure', ['--help'], 0],
    ['an unknown command', ['breakglass'], 2],
    ['an unknown option', ['approve', '--force'], 2],
    ['a missing argument', ['request'], 2],
    ['AP-22 two grants at one gesture', ['approve', 'g-1', 'g-2', '--yes'], 2],
    ['an unknown choice', ['review', 'close', 'g', '--finding', 'fine', '--note', 'x'], 2],
    ['no key yet', ['check'], 2],
    [
      'a life that is no time',
      ['request', 'x', '--incident', 'i', '--reason', 'r', '--life', 'long'],
      2,
    ],
  ])('%s', async (_, args, code) => {
    expect(await run(args)).toMatchObject({ code })
  })

  test('a refusal names the next command', async () => {
    const { said } = await run(['check'])
    expect(said).toContain('Next: halligan login')
  })

  test('and is data for those who asked for it', async () => {
    const { code, out } = await run(['--json', 'check'])
    expect(code).toBe(2)
    expect(JSON.parse(out)).toMatchObject({ refused: { code: 'not_logged_in' } })
  })

  test('AP-28 there is no command that overrides a decision', async () => {
    const { out } = await run(['--help'])
    expect(out).not.toMatch(/\b(override|force|bypass|sudo)\b/i)
  })
})

describe('login --new-key', () => {
  test('makes a key that is encrypted and private, and writes out its public part', async () => {
    const made = await run(
      ['login', '--principal', 'ada', '--new-key', at('ada.pub')],
      'ada',
    )
    expect(made.code).toBe(0)
    expect((await stat(at('ada/key.age'))).mode & 0o777).toBe(0o600)
    expect((await stat(at('ada'))).mode & 0o777).toBe(0o700)
    const record = JSON.parse(await readFile(at('ada.pub'), 'utf8'))
    expect(record).toMatchObject({ person: 'ada', keyId: made.out })
  })

  test('never overwrites a key', async () => {
    const before = await readFile(at('ada/key.age'))
    const again = await run(
      ['login', '--principal', 'ada', '--new-key', at('x.pub')],
      'ada',
    )
    expect(again).toMatchObject({ code: 2, said: expect.stringContaining('--rotate') })
    expect(await readFile(at('ada/key.age'))).toEqual(before)
  })

  test('takes no name that two people could share', async () => {
    const made = await run(
      ['login', '--principal', 'Ada', '--new-key', at('y.pub')],
      'other',
    )
    expect(made.code).toBe(2)
  })
})

test('trust comes from people: a server alone is not enough to log in', async () => {
  const asked = await run(['login', '--server', 'http://127.0.0.1:1'], 'ada')
  expect(asked).toMatchObject({ code: 2, said: expect.stringContaining('--trust') })
})

test('a server that does not answer is told apart from one that refuses', async () => {
  const asked = await run(
    ['login', '--server', 'http://127.0.0.1:1', '--trust', trust],
    'ada',
  )
  expect(asked).toMatchObject({ code: 3, said: expect.stringContaining('ECONNREFUSED') })
})

describe('AU-16 a verifier never says yes to', () => {
  test.each<[string, string]>([
    ['nothing', ''],
    ['a space', ' '],
    ['an empty object', '{}\n'],
    ['half a file', '{"type":"halligan/case/v1"'],
    ['null', 'null\n'],
    ['a nested bomb', '['.repeat(100_000)],
    ['a prototype', '{"__proto__":{"verdict":"proven"}}\n'],
    ['bytes that are no text', '\u0000\ufffd'],
  ])('%s', async (_, text) => {
    await writeFile(at('case.json'), text)
    const { code, out } = await run(['case', 'verify', at('case.json'), '--trust', trust])
    expect(code).toBe(1)
    expect(out).toContain('FAILED')
    expect(out).not.toContain('proven:')
  })

  test('a file that is not there', async () => {
    expect(await run(['case', 'verify', at('none.json'), '--trust', trust])).toMatchObject({
      code: 2,
    })
  })

  test('a digest that is none', async () => {
    expect(
      await run(['case', 'verify', at('case.json'), '--trust', 'sha256:0']),
    ).toMatchObject({ code: 2 })
  })
})

describe('policy', () => {
  const bundle = new URL('../example/bundle', import.meta.url).pathname

  test('check and test accept the example', async () => {
    expect(await run(['policy', 'check', bundle])).toMatchObject({ code: 0 })
    expect(await run(['policy', 'test', bundle])).toMatchObject({ code: 0 })
  })

  test('a folder that cannot be read whole is no bundle', async () => {
    expect(await run(['policy', 'check', at('nowhere')])).toMatchObject({ code: 2 })
  })
})

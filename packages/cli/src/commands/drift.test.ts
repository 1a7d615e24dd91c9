import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { routes } from '@halligan/contract'
import type { PrincipalId, ReceiptDetail } from '@halligan/core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { seedOf } from '../../../server/test/estate-kit.ts'
import { signReceipt } from '../../../server/test/flow-kit.ts'
import {
  blobOf,
  call,
  signerOf,
  startServer,
  type TestServer,
} from '../../../server/test/http-kit.ts'
import { Home } from '../home.ts'
import { writeKeyFile } from '../key-file.ts'
import { main } from '../main.ts'
import { testMachine } from '../testing-machine.ts'

const target = 'payments-pg'
const passphrase = 'correct horse'
let server: TestServer
let folder = ''

beforeAll(async () => {
  server = await startServer({ 'calls-per-minute': '600' })
  folder = await mkdtemp(join(tmpdir(), 'halligan-drift-'))
  const home = new Home(folder)
  await home.saveConfig({
    principal: 'dee' as PrincipalId,
    keyId: signerOf('dee').keyId,
    server: server.url,
    estate: 'example',
    rosterDigest: server.digest,
  })
  await writeKeyFile(home.keyFile, seedOf('dee'), passphrase)
}, 60_000)
afterAll(async () => {
  await server.stop()
  await rm(folder, { recursive: true })
})

/** As the enforcer of the target reports it. */
async function report(what: string, object: string) {
  const { store, clock } = server.inside().ledger
  const deps = { view: () => store.view(), clock }
  const blob = blobOf(`${what} ${object}`)
  const detail: ReceiptDetail = { kind: 'drifted', what, object: blob.commitment }
  const input = signReceipt({ deps }, null, detail, {}, [blob])
  const told = await call(server.url, 'POST', routes.receipt.path, input)
  expect(told).toMatchObject({ status: 200 })
}

type Lie = (honest: {
  targets: { target: string; entries: { index: number; entry: object }[] }[]
  blobs: { text: string }[]
}) => unknown

/** What `dee` is told, by a server that lies about drift or not. */
async function drift(args: readonly string[] = [], lie: Lie = (honest) => honest) {
  const lying: typeof fetch = async (input, init) => {
    const response = await fetch(input, init)
    if (!String(input).includes('/v1/drift') || !response.ok) return response
    return new Response(JSON.stringify(lie((await response.json()) as Parameters<Lie>[0])))
  }
  const env = { HALLIGAN_HOME: folder, HALLIGAN_PASSPHRASE: passphrase }
  const machine = { ...testMachine({ env, fetch: lying }), now: () => Date.now() as never }
  const code = await main(['drift', ...args], machine)
  return { code, out: machine.out.join('\n'), said: machine.said.join('\n') }
}

describe('drift', () => {
  test('of nothing is said to be nothing', async () => {
    expect(await drift()).toMatchObject({
      code: 0,
      out: '',
      said: expect.stringContaining('No enforcer reported anything'),
    })
  })

  test('EN-16 EN-26 is shown in the enforcer’s own words, with whom it paged', async () => {
    await report('foreign_login', '"eve\u001b[2J"')
    await report('connector_unready', 'password refused')
    await report('connector_ready', target)
    await report('foreign_login', '"eve\u001b[2J"')
    const { code, out, said } = await drift()
    expect(code).toBe(0)
    const [heading, stands, over, ...rest] = out.split('\n')
    expect(heading).toMatch(/^ENTRY +SINCE +OVER +TARGET +BY +TOLD +WHAT$/)
    expect(stands).toMatch(
      /payments-pg +enf-payments +page +foreign_login "eve.*", 2 times$/,
    )
    expect(out).not.toContain('\u001b')
    expect(over).toMatch(/T.*Z +.*T.*Z +payments-pg .*connector_unready password refused$/)
    expect(rest).toEqual([])
    expect(said).toContain('2 findings, 1 said to be over')
  })

  test('is data for those who ask for it', async () => {
    const { code, out } = await drift(['--target', target, '--json'])
    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject({
      items: [
        {
          ...{ target, enforcer: 'enf-payments', what: 'foreign_login', grant: null },
          ...{ object: 'foreign_login "eve\u001b[2J"', times: 2, over: null },
          told: { urgency: 'page', to: ['bob', 'cy', 'dee'] },
        },
        { what: 'connector_unready', over: expect.any(Number) },
      ],
    })
  })

  test('of a target that is not there is refused', async () => {
    const { code, out } = await drift(['--target', 'elsewhere', '--json'])
    expect(code).toBe(1)
    expect(JSON.parse(out)).toMatchObject({ refused: { code: 'unknown_target' } })
  })

  test.each<[string, Lie]>([
    [
      'a report that is left out of the middle',
      ({ targets: [first], ...rest }) => ({
        ...rest,
        targets: [{ ...first, entries: first?.entries.filter((_, place) => place !== 1) }],
      }),
    ],
    [
      'another text',
      (honest) => ({
        ...honest,
        blobs: honest.blobs.map((blob) => ({ ...blob, text: 'nothing' })),
      }),
    ],
    [
      'another name for what was found',
      ({ targets: [first], ...rest }) => ({
        ...rest,
        targets: [
          {
            ...first,
            entries: first?.entries.map(({ index, entry }) => ({
              index,
              entry: { ...entry, what: 'connector_ready' },
            })),
          },
        ],
      }),
    ],
    ['no word of a target', (honest) => ({ ...honest, targets: [] })],
    [
      'an entry that the log does not hold where it is said to be',
      ({ targets: [first], ...rest }) => ({
        ...rest,
        targets: [
          {
            ...first,
            entries: first?.entries.map(({ index, entry }) => ({
              index: index - 1,
              entry,
            })),
          },
        ],
      }),
    ],
  ])('a server that tells %s is not believed', async (_, lie) => {
    expect(await drift([], lie)).toMatchObject({ code: 4, out: '' })
  })
})

import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { GrantId, Instant, PrincipalId } from '@halligan/core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { memoryPorts } from '../../test/connector-ports.ts'
import { freshGrant } from '../../test/fresh-grant.ts'
import { openWebhookLab, type WebhookLab } from '../../test/webhook-lab.ts'
import { openVault } from '../store/vault.ts'
import type { Connector, Held, Opening } from './port.ts'

/** What becomes of a call on its way to the receiver; `late`: the enforcer gives it up, and it arrives when told to. */
type Fate = 'answered' | 'answer lost' | 'call lost' | 'late' | 'refused' | 'refused once'

const account = 'ops'
let lab: WebhookLab
let ports: ReturnType<typeof memoryPorts>
let held: Held[]
let connector: Connector
let wire: Server
let fate: Fate
let late: () => Promise<unknown>
let folder: string

beforeAll(async () => {
  lab = await openWebhookLab()
})
afterAll(() => lab.remove())
beforeEach(async () => {
  ;[held, fate] = [[], 'answered']
  folder = await mkdtemp(join(tmpdir(), 'halligan-vault-'))
  ports = { ...memoryPorts(() => held), vault: openVault(folder) }
  wire = createServer(async (request, response) => {
    const send = await sending(request)
    if (fate === 'late') late = send
    const isRefused = fate.startsWith('refused')
    if (fate === 'refused once') fate = 'answered'
    if (isRefused)
      return response
        .writeHead(409, { 'content-type': 'application/json' })
        .end('{"code":"used_before"}')
    const isSent = fate === 'answered' || fate === 'answer lost'
    const answer = isSent ? await send() : null
    if (answer === null || fate === 'answer lost') return response.destroy()
    response.writeHead(answer.status, { 'content-type': 'application/json' })
    return response.end(await answer.text())
  })
  await new Promise<void>((done) => wire.listen(0, '127.0.0.1', done))
  const address = wire.address()
  const port = typeof address === 'object' ? address?.port : 0
  const url = `http://127.0.0.1:${port}/`
  connector = lab.connector(ports, { url, accounts: [account] })
  await connector.open()
  expect(await rotate()).toBe(true)
})
afterEach(async () => {
  fate = 'answered'
  await connector.close()
  wire.closeAllConnections()
  wire.close()
  await rm(folder, { recursive: true })
})

async function sending(request: IncomingMessage) {
  let body = ''
  for await (const chunk of request) body += chunk
  const headers = Object.entries(request.headers).flatMap(([name, value]) =>
    typeof value === 'string' && /^(webhook|content-type)/.test(name)
      ? [[name, value] as const]
      : [],
  )
  const call = { method: 'POST', headers: Object.fromEntries(headers), body }
  return () => fetch(lab.receiver.url, call)
}

const rotate = async (): Promise<boolean> => {
  const probes = (await connector.rotate?.(account)) ?? []
  return probes.length > 0 && probes.every(({ absent }) => absent)
}
const fated = async (next: Fate, call: () => Promise<unknown>): Promise<void> => {
  fate = next
  await (next === 'answered' ? call() : expect(call()).rejects.toThrow())
  fate = 'answered'
}
/** Of all that the vault has, in the order in which it got it, what opens the account. */
const opening = async (): Promise<readonly string[]> => {
  const { current, earlier, proposed } = await ports.vault.secrets(lab.target, account)
  const all = [current, ...earlier, proposed].filter((secret) => secret !== null)
  const tried = await Promise.all(
    all.map(async (secret) =>
      (await lab.letsIn({ USER: account, PASSWORD: secret })) ? secret : null,
    ),
  )
  return tried.filter((secret) => secret !== null)
}
const accepted = (grant: GrantId): Opening => {
  const asked: Opening = {
    ...{ grant, target: lab.target, requester: 'ada' as PrincipalId },
    ...{ privileges: [`account:${account}`], overlapKey: account },
    applyBefore: (Date.now() + 60_000) as Instant,
    deadline: (Date.now() + 900_000) as Instant,
  }
  held.push({ ...asked, phase: 'standing' })
  return asked
}
const end = async (grant: GrantId): Promise<void> => {
  await connector.end(grant, lab.target)
  held = held.filter((one) => one.grant !== grant)
}

test.each<readonly Fate[]>([
  ['answer lost', 'call lost', 'call lost', 'answered'],
  ['call lost', 'answer lost', 'answer lost', 'call lost', 'answered'],
])(
  'K-07 whatever is lost of rotations, the vault has what opens the account: %s, %s',
  async (...fates) => {
    for (const next of fates) {
      await fated(next, rotate)
      expect(await opening()).toHaveLength(1)
    }
    const { current, proposed } = await ports.vault.secrets(lab.target, account)
    expect(await opening()).toEqual([current])
    expect(proposed).toBeNull()
  },
)

test('K-07 whatever is lost of a check-out and its new credentials, the vault has what opens the account', async () => {
  const grant = freshGrant()
  const asked = accepted(grant)
  const checkOut = () => connector.apply(asked)
  const reseal = () => connector.reseal(grant, lab.target)
  const calls = [checkOut, checkOut, checkOut, reseal, reseal, reseal] as const
  const fates = ['answer lost', 'call lost', 'answered'] as const
  for (const [index, call] of calls.entries()) {
    await fated(fates[index % 3] ?? 'answered', call)
    expect(await opening()).toHaveLength(1)
  }
  await end(grant)
  expect(await opening()).toEqual([])
  expect(await rotate()).toBe(true)
})

test('K-07 a rotation that arrives after the next one was answered changes nothing', async () => {
  await fated('late', rotate)
  expect(await rotate()).toBe(true)
  const after = await opening()
  await late()
  expect(await opening()).toEqual(after)
  expect(after).toEqual([(await ports.vault.secrets(lab.target, account)).current])
})

test('EN-20 a rotation after a lost answer is proven by a secret that was never at the receiver', async () => {
  await fated('answer lost', rotate)
  const [lost] = await opening()
  expect(await rotate()).toBe(true)
  expect(await opening()).not.toEqual([lost])
})

test('K-07 a secret that the receiver will not have is kept while another is not confirmed', async () => {
  await fated('answer lost', rotate)
  const [lost] = await opening()
  await fated('refused', rotate)
  expect(await opening()).toEqual([lost])
  await fated('call lost', rotate)
  expect(await opening()).toEqual([lost])
  expect(await rotate()).toBe(true)
  expect(await opening()).toEqual([
    (await ports.vault.secrets(lab.target, account)).current,
  ])
})

test('INV-25 a receiver that will have no secret at all fills no vault', async () => {
  await fated('answer lost', rotate)
  const before = await ports.vault.secrets(lab.target, account)
  const refused = {
    ...accepted(freshGrant()),
    applyBefore: (Date.now() + 60_000) as Instant,
  }
  for (let times = 0; times < 3; times++)
    await fated('refused', () => connector.apply(refused))
  await end(refused.grant)
  for (let times = 0; times < 3; times++) await fated('refused', rotate)
  expect(await ports.vault.secrets(lab.target, account)).toEqual(before)
  expect(await rotate()).toBe(true)
})

test('a secret that the receiver will not have again keeps nobody from a check-out', async () => {
  await fated('answer lost', rotate)
  fate = 'refused once'
  const grant = freshGrant()
  const applied = await connector.apply(accepted(grant))
  const { current } = await ports.vault.secrets(lab.target, account)
  expect(applied).toMatchObject({ kind: 'applied', credential: { PASSWORD: current } })
  expect(await opening()).toEqual([current])
  await end(grant)
  expect(await rotate()).toBe(true)
})

test('EN-17 a second grant gets the secret that is out, whatever became of a new one', async () => {
  const [first, second] = [freshGrant(), freshGrant()]
  const applied = await connector.apply(accepted(first))
  await fated('call lost', () => connector.reseal(first, lab.target))
  expect(await connector.apply(accepted(second))).toEqual(applied)
  expect(await opening()).toHaveLength(1)
  await end(first)
  await end(second)
  expect(await rotate()).toBe(true)
})

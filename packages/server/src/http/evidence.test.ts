import { receiptBody, routes } from '@halligan/contract'
import type { Grant, Json, ReceiptDetail } from '@halligan/core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { absent, applied, signReceipt } from '../../test/flow-kit.ts'
import {
  activeGrant,
  blobOf,
  call,
  Person,
  startServer,
  type TestServer,
} from '../../test/http-kit.ts'

let server: TestServer
let ada: Person
let about: Awaited<ReturnType<typeof activeGrant>>
beforeAll(async () => {
  server = await startServer({ 'calls-per-minute': '60' })
  ada = await Person.at(server.url, 'ada')
  about = await activeGrant(ada, await Person.at(server.url, 'bob'))
})
afterAll(async () => await server.stop())

const path = routes.receipt.path
const next = (detail: ReceiptDetail, blobs: readonly ReturnType<typeof blobOf>[] = []) => {
  const { store, clock } = server.inside().ledger
  const deps = { view: () => store.view(), clock }
  return signReceipt({ deps }, about.grant, detail, {}, blobs)
}
const deliver = (input: unknown) => call(server.url, 'POST', path, input)

const witnessed = (texts: readonly string[], complete = true) => {
  const blobs = texts.map(blobOf)
  const parts = blobs.map(({ commitment }) => ({ textCommitment: commitment }))
  return next({ kind: 'witnessed', what: 'terminal', parts, complete }, blobs)
}

describe('session evidence on its way', () => {
  test('32 parts of 7,500 bytes, each of which JSON writes as six, arrive whole', async () => {
    for (const detail of [applied, { kind: 'ending', cause: 'deadline' } as const, absent])
      expect(await deliver(next(detail))).toMatchObject({ status: 200 })
    const texts = Array.from({ length: 32 }, (_, i) =>
      String.fromCharCode(i + 1).repeat(7500),
    )
    const input = witnessed(texts, false)
    expect(JSON.stringify(input).length).toBeGreaterThan(1_200_000)
    expect(JSON.stringify(input).length).toBeLessThan(receiptBody)
    expect(await deliver(input)).toMatchObject({ status: 200 })
    const { body } = await ada.get<{ grant: Grant; blobs: Json[] }>(
      `/v1/grants/${about.grant}`,
    )
    for (const { commitment, text } of input.blobs)
      expect(body.blobs).toContainEqual(expect.objectContaining({ commitment, text }))
  })

  test('a 33rd part, or a text over 8192 characters, is refused', async () => {
    const many = witnessed(Array.from({ length: 33 }, () => 'x'))
    expect(await deliver(many)).toMatchObject({ status: 422 })
    expect(await deliver(witnessed(['x'.repeat(8193)]))).toMatchObject({ status: 422 })
  })

  test('RQ-01 more than 2 MiB, and more than 64 KiB unannounced, is not read', async () => {
    const huge = JSON.stringify({ receipt: 'x'.repeat(receiptBody) })
    expect(await call(server.url, 'POST', path, huge)).toMatchObject({ status: 413 })
    const chunk = new TextEncoder().encode('x'.repeat(70_000))
    const told = await fetch(`${server.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: new ReadableStream<Uint8Array>({
        start(controller) {
          controller.enqueue(chunk)
          controller.close()
        },
      }),
      duplex: 'half',
    } as RequestInit)
    expect(told.status).toBe(413)
  })

  test('INV-18 RQ-13 a flood of long bodies is made to wait, and ordinary receipts are not', async () => {
    const long = JSON.stringify({ receipt: 'x'.repeat(receiptBody - 100) })
    const answers = []
    for (let i = 0; i < 5; i++)
      answers.push((await call(server.url, 'POST', path, long)).status)
    expect(answers).toContain(429)
    const small = next({ kind: 'unknown' })
    expect(await deliver(small)).toMatchObject({ status: 200 })
  })
})

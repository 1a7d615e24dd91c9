import { expect, test } from 'vitest'
import { serverEvents } from './events.ts'
import { createTransport } from './transport.ts'

const mebibyte = new Uint8Array(1024 * 1024).fill(0x20)

/** Ends never; `sent` counts what was asked of it. */
function endless() {
  const told = { sent: 0, cancelled: false }
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      told.sent += 1
      controller.enqueue(mebibyte)
    },
    cancel() {
      told.cancelled = true
    },
  })
  return { told, body }
}

test('INV-18 T8 an answer without an end is read to its limit, and no further', async () => {
  const { told, body } = endless()
  const headers = { 'content-type': 'application/json' }
  const transport = createTransport('http://127.0.0.1', async () => {
    return new Response(body, { headers })
  })
  expect(await transport.call('status')).toMatchObject({
    ok: false,
    error: { kind: 'deceived', code: 'malformed_answer' },
  })
  expect(told.sent).toBeLessThan(40)
  expect(told.cancelled).toBe(true)
})

test('S-08 a server that hangs is given up on, before its answer and in the middle of it', async () => {
  const hang = (signal: AbortSignal | null | undefined) =>
    new Promise<never>((_, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason))
    })
  const silent = createTransport('http://127.0.0.1', (_, init) => hang(init?.signal), 20)
  const lost = { ok: false, error: { kind: 'unreachable', code: 'unreachable' } }
  expect(await silent.call('status')).toMatchObject(lost)
  const halting = createTransport(
    'http://127.0.0.1',
    async (_, init) => new Response(new ReadableStream({ pull: () => hang(init?.signal) })),
    20,
  )
  expect(await halting.bytes('case_file', { params: { grant: 'g' } })).toMatchObject(lost)
})

test('INV-18 T8 neither a line nor an event of a stream is kept without bound', async () => {
  const first = async (stream: ReadableStream<Uint8Array>) => {
    for await (const event of serverEvents(stream)) return event
    return null
  }
  const { told, body } = endless()
  await expect(first(body)).rejects.toThrow('too long')
  expect(told.cancelled).toBe(true)
  const lines = new TextEncoder().encode(`${'data: x\n'.repeat(100)}`)
  const unending = new ReadableStream<Uint8Array>({ pull: (to) => to.enqueue(lines) })
  await expect(first(unending)).rejects.toThrow('too long')
})

import { problemMedia, problemOf } from '@halligan/contract'
import type { Refused, StreamedEvent } from './handler.ts'

/** On every answer: nothing is cached, sniffed, framed or run (WB-20). */
export const standingHeaders = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
} as const

export function answerWith(media: string, value: unknown): Response {
  const headers = { ...standingHeaders, 'content-type': media }
  if (value instanceof Uint8Array) return new Response(new Uint8Array(value), { headers })
  if (media.startsWith('text/')) return new Response(String(value), { headers })
  return new Response(JSON.stringify(value), { headers })
}

export function answerRefused(
  refusal: Refused,
  instance: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const problem = problemOf(refusal, `urn:uuid:${instance}`)
  return new Response(JSON.stringify(problem), {
    status: problem.status,
    headers: { ...standingHeaders, ...headers, 'content-type': problemMedia },
  })
}

/** Server-sent events (WHATWG HTML, 9.2). Data never holds a raw line break: it is JSON. */
export function answerStream(events: AsyncIterable<StreamedEvent>): Response {
  const encoder = new TextEncoder()
  const iterator = events[Symbol.asyncIterator]()
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const next = await iterator.next()
      if (next.done === true) return controller.close()
      controller.enqueue(encoder.encode(eventText(next.value)))
    },
    async cancel() {
      await iterator.return?.()
    },
  })
  return new Response(body, {
    headers: { ...standingHeaders, 'content-type': 'text/event-stream' },
  })
}

export function eventText({ id, event, data }: StreamedEvent): string {
  if (event === '') return ': still here\n\n'
  const name = id === undefined ? '' : `id: ${id}\n`
  return `${name}event: ${event}\ndata: ${data}\n\n`
}

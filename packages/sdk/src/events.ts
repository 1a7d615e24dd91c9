/** One server-sent event (WHATWG HTML 9.2). */
export type ServerEvent = Readonly<{ event: string; data: string; id: string | null }>

/** An event holds an entry of at most 16 KiB. */
const eventLimit = 256 * 1024

/**
 * The events of an SSE stream, comments and retry hints left out. Ends when the stream does. Throws when one of them has
 * no end: what is kept of a stream is bounded, whoever sends it.
 */
export async function* serverEvents(
  stream: ReadableStream<Uint8Array>,
): AsyncGenerator<ServerEvent> {
  let pending: string[] = []
  let length = 0
  for await (const line of lines(stream)) {
    if (line !== '') {
      pending.push(line)
      length += line.length
      if (length > eventLimit) throw new Error('an event of the stream is too long')
      continue
    }
    const event = parseEvent(pending)
    pending = []
    length = 0
    if (event !== null) yield event
  }
}

async function* lines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of stream) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = parts.pop() ?? ''
    if (rest.length > eventLimit) throw new Error('a line of the stream is too long')
    for (const part of parts) yield part.endsWith('\r') ? part.slice(0, -1) : part
  }
}

function parseEvent(fields: readonly string[]): ServerEvent | null {
  const values = (name: string) =>
    fields
      .filter((field) => field === name || field.startsWith(`${name}:`))
      .map((field) => field.slice(name.length + 1).replace(/^ /, ''))
  const data = values('data')
  if (data.length === 0) return null
  return {
    event: values('event').at(-1) ?? 'message',
    data: data.join('\n'),
    id: values('id').at(-1) ?? null,
  }
}

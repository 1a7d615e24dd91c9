import {
  type AnswerOf,
  pathTo,
  type Route,
  type RouteId,
  type Routes,
  routes,
} from '@halligan/contract'
import type { Json, Result } from '@halligan/core'
import { ok, refuse } from '@halligan/core'
import { parseStrict } from '@halligan/ledger'
import { type ClientRefusal, deceived } from './refusal.ts'

export type CallInput = Readonly<{
  params?: Readonly<Record<string, string>>
  query?: Readonly<Record<string, string | number | undefined>>
  body?: Json
  token?: string
  signal?: AbortSignal
}>

export type Transport = Readonly<{
  /** The route's answer, strictly parsed by its schema. */
  call<Id extends RouteId>(
    id: Id,
    input?: CallInput,
  ): Promise<Result<AnswerOf<Routes[Id]>, ClientRefusal>>
  /** The answer's exact bytes, for what is verified as bytes. */
  bytes(id: RouteId, input?: CallInput): Promise<Result<Uint8Array, ClientRefusal>>
  /** The answer as it streams. */
  stream(
    id: RouteId,
    input?: CallInput,
  ): Promise<Result<ReadableStream<Uint8Array>, ClientRefusal>>
}>

/** A disk that hangs hangs the server. After this long its outcome counts as unknown (S-08). */
const patienceMillis = 20_000

/**
 * Speaks the route table to one server. Follows no redirect and sends no cookie. A whole answer is waited for
 * `patience` milliseconds and no longer; a stream, for as long as its caller likes.
 */
export function createTransport(
  server: string,
  fetch: Fetch,
  patience: number = patienceMillis,
): Transport {
  const send = async (id: RouteId, input: CallInput = {}) => {
    const route: Route = routes[id]
    const response = await request(server, fetch, route, input)
    if (!response.ok || response.value.ok) return response
    return refuse(await problemOf(response.value))
  }
  const inTime = (input: CallInput = {}): CallInput => {
    const end = AbortSignal.timeout(patience)
    const { signal } = input
    return { ...input, signal: signal === undefined ? end : AbortSignal.any([signal, end]) }
  }
  return {
    async call(id, input) {
      const response = await send(id, inTime(input))
      if (!response.ok) return response
      const text = await wholeText(response.value)
      return text.ok ? parseAnswer(routes[id], text.value) : text
    },
    async bytes(id, input) {
      const response = await send(id, inTime(input))
      if (!response.ok) return response
      return wholeBody(response.value)
    },
    async stream(id, input) {
      const response = await send(id, input)
      if (!response.ok) return response
      const { body } = response.value
      return body === null ? deceived('malformed_answer', 'the stream is empty') : ok(body)
    },
  }
}

export type Fetch = typeof globalThis.fetch

async function request(
  server: string,
  fetch: Fetch,
  route: Route,
  { params, query, body, token, signal }: CallInput,
): Promise<Result<Response, ClientRefusal>> {
  const url = new URL(pathTo(route, params), server)
  for (const [name, value] of Object.entries(query ?? {}))
    if (value !== undefined) url.searchParams.set(name, String(value))
  const headers: Record<string, string> = { accept: route.media }
  if (token !== undefined) headers.authorization = `Bearer ${token}`
  if (body !== undefined) headers['content-type'] = 'application/json'
  return fetch(url, {
    method: route.method,
    headers,
    redirect: 'error',
    credentials: 'omit',
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal }),
  }).then(ok, lost)
}

const lost = (error: unknown) =>
  refuse({ kind: 'unreachable', code: 'unreachable', detail: reasonOf(error) } as const)

const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? error.cause.message : error.message
}

/** After decompression. Far above what an honest server says: two hundred openings are 6 MiB. */
const answerLimit = 32 * 1024 * 1024

/** Read no further than the limit: a server that lies must not take its enforcers' memory, and their ending with it. */
async function wholeBody(response: Response): Promise<Result<Uint8Array, ClientRefusal>> {
  const chunks: Uint8Array[] = []
  let length = 0
  try {
    for await (const chunk of response.body ?? []) {
      length += chunk.length
      if (length > answerLimit)
        return deceived('malformed_answer', `the answer is over ${answerLimit} bytes`)
      chunks.push(chunk)
    }
  } catch (error) {
    return lost(error)
  }
  const whole = new Uint8Array(length)
  let at = 0
  for (const chunk of chunks) {
    whole.set(chunk, at)
    at += chunk.length
  }
  return ok(whole)
}

async function wholeText(response: Response): Promise<Result<string, ClientRefusal>> {
  const body = await wholeBody(response)
  return body.ok ? ok(new TextDecoder().decode(body.value)) : body
}

function parseAnswer<Id extends RouteId>(
  route: Routes[Id],
  text: string,
): Result<AnswerOf<Routes[Id]>, ClientRefusal> {
  const json = route.media === 'application/json' ? parseStrict(text) : ok(text)
  if (!json.ok) return deceived('malformed_answer', `${route.path}: ${json.error.code}`)
  const parsed = route.response.safeParse(json.value)
  if (parsed.success) return ok(parsed.data as AnswerOf<Routes[Id]>)
  const [issue] = parsed.error.issues
  return deceived(
    'malformed_answer',
    `${route.path}: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`,
  )
}

/** RFC 9457. Something that is not problem+json did not come from a Halligan server. */
async function problemOf(response: Response): Promise<ClientRefusal> {
  const text = await wholeText(response)
  if (!text.ok) return text.error
  const problem = parseStrict(text.value)
  const fields = problem.ok ? asRecord(problem.value) : null
  if (fields === null || typeof fields.code !== 'string')
    return {
      kind: 'unreachable',
      code: 'not_halligan',
      detail: `status ${response.status} without a problem document`,
    }
  const word = (name: string) => (typeof fields[name] === 'string' ? fields[name] : '')
  return {
    kind: 'refused',
    code: fields.code,
    status: response.status,
    title: word('title'),
    detail: word('detail'),
    next: word('next'),
    problem: fields,
  }
}

const asRecord = (value: Json): Readonly<Record<string, Json>> | null =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, Json>>)
    : null

/**
 * The one way in over HTTP: the route table and its handlers become endpoints, each passing the same gates in the
 * same order. Who may call is read from the table inside this function, so no path, method or header reaches a
 * handler by another way (WB-10, WB-11).
 *
 * @module
 */
import { randomUUID } from 'node:crypto'
import { parseBody, parseValue, plainBody, type Route, routes } from '@halligan/contract'
import { type Envelope, ok, type Result, type Roster, refuse } from '@halligan/core'
import { base64, type Crypto, digestOfBytes } from '@halligan/ledger'
import { type Context, Hono } from 'hono'
import type { Clock } from '../ports.ts'
import { isStorageFailure } from '../store/database.ts'
import { StorageFailed } from '../store/port.ts'
import { answerRefused, answerStream, answerWith } from './answer.ts'
import { readBody } from './body.ts'
import type { Call, Handlers, Refused, StreamedEvent } from './handler.ts'
import type { RateCap } from './rate.ts'
import type { Caller, Sessions } from './session.ts'
import type { StreamSlots } from './stream.ts'

export type ServeOptions = Readonly<{
  clock: Clock
  crypto: Crypto
  sessions: Sessions
  roster(): Roster
  /** Reads of one session. */
  sessionCap: RateCap
  /** Calls from one address that no session stands behind. */
  addressCap: RateCap
  streams: StreamSlots
  /** Aborts when the server stops: streams end then, and nothing else waits for them. */
  stopping: AbortSignal
  /** Called for each request that was turned away before a use case saw it (PROTOCOL 4). */
  count(code: string): void
  log: RequestLog
}>

/** One line for each request: never its body, its query or its headers. */
export type RequestLog = (
  line: Readonly<{
    request: string
    route: string
    status: number
    refusal?: string
    caller?: string
    millis: number
  }>,
  fault?: unknown,
) => void

type AnyCall = Call<Route>
type AnyHandler = (
  call: AnyCall,
) => Promise<Result<unknown, Refused & { readonly retryAfter?: number }>>

type Table = Readonly<Record<string, Route>>

/** Throws when a route has no handler, no rule of who may call it, or a handler no route. */
export function serve(
  table: Table,
  handlers: Partial<Handlers>,
  options: ServeOptions,
): Hono {
  const app = new Hono({ strict: true })
  const byId = handlers as Readonly<Record<string, AnyHandler>>
  for (const id of Object.keys(byId))
    if (!Object.hasOwn(table, id)) throw new Error(`handler ${id} has no route`)

  for (const [id, route] of Object.entries(table)) {
    const handler = byId[id]
    if (handler === undefined) throw new Error(`route ${id} has no handler`)
    mustHaveRule(id, route)
    app.on(route.method, route.path, (context) =>
      answer(id, route, handler, context, options),
    )
  }
  app.notFound((context) => answerUnknown(table, context, options))
  return app
}

export const serveAll = (handlers: Handlers, options: ServeOptions): Hono =>
  serve(routes, handlers, options)

const rules = ['none', 'session', 'act', 'trustees', 'enforcer', 'webhook']

function mustHaveRule(id: string, { auth, roles, effect, body }: Route): void {
  if (!rules.includes(auth)) throw new Error(`route ${id} has no rule of who may call it`)
  if ((auth === 'session') !== roles.length > 0)
    throw new Error(`route ${id} must name roles exactly when it takes a session`)
  if (effect === 'enters' && (auth === 'session' || body === null))
    throw new Error(`route ${id} changes something that nobody signed`)
}

async function answer(
  id: string,
  route: Route,
  handler: AnyHandler,
  context: Context,
  options: ServeOptions,
): Promise<Response> {
  const request = randomUUID()
  const started = options.clock.bootMillis()
  const told = (status: number, caller: Caller | null, code?: string, fault?: unknown) =>
    options.log(
      {
        request,
        route: id,
        status,
        ...(code === undefined ? {} : { refusal: code }),
        ...(caller === null ? {} : { caller: caller.id }),
        millis: options.clock.bootMillis() - started,
      },
      fault,
    )
  try {
    const call = await admit(route, context, options)
    if (!call.ok) {
      options.count(call.error.code)
      const response = refused(call.error, request)
      told(response.status, null, call.error.code)
      return response
    }
    const answered = inSlot(route, call.value.caller, await handler(call.value), options)
    const response = answered.ok
      ? successful(route, answered.value)
      : refused(answered.error, request)
    told(response.status, call.value.caller, answered.ok ? undefined : answered.error.code)
    return response
  } catch (fault) {
    const code = isDiskFault(fault) ? 'outcome_unknown' : 'internal_error'
    const response = answerRefused({ code }, request)
    told(response.status, null, code, fault)
    return response
  }
}

/** The disk may work again, and the same question then has an answer (S-01): nothing of ours is broken. */
const isDiskFault = (fault: unknown): boolean =>
  fault instanceof StorageFailed || isStorageFailure(fault)

/** A stream is given only as long as its caller does not hold too many. */
function inSlot(
  { media }: Route,
  caller: Caller | null,
  answered: Awaited<ReturnType<AnyHandler>>,
  { streams }: ServeOptions,
): Awaited<ReturnType<AnyHandler>> {
  if (!answered.ok || media !== 'text/event-stream') return answered
  const events = answered.value as AsyncIterable<StreamedEvent>
  const held = streams.hold(caller?.id ?? '', events)
  return held === null ? refuse({ code: 'too_many_requests', retryAfter: 1 }) : ok(held)
}

const successful = (route: Route, value: unknown): Response =>
  route.media === 'text/event-stream'
    ? answerStream(value as AsyncIterable<StreamedEvent>)
    : answerWith(route.media, value)

function refused(refusal: Refused, request: string): Response {
  const headers: Record<string, string> = {}
  if ('retryAfter' in refusal) headers['retry-after'] = String(refusal.retryAfter)
  if (refusal.code === 'too_large') headers.connection = 'close'
  return answerRefused(refusal, request, headers)
}

/** The gates, cheapest first: who, how often, how much, and only then what. */
async function admit(
  route: Route,
  context: Context,
  options: ServeOptions,
): Promise<Result<AnyCall, Refused>> {
  // A stream without a reader would hold its slot for nothing.
  if (route.media === 'text/event-stream' && context.req.method === 'HEAD')
    return refuse({ code: 'method_not_allowed' })
  const caller = callerOf(route, context, options)
  if (!caller.ok) return caller
  const wait = waitOf(route, caller.value, context, options)
  if (wait > 0) return refuse({ code: 'too_many_requests', retryAfter: wait })
  const query = queryOf(route, context)
  if (!query.ok) return query
  const room = roomFor(route, context, options)
  if (!room.ok) return room
  const raw =
    route.body === null ? ok(new Uint8Array()) : await readBody(context.req.raw, room.value)
  if (!raw.ok) return raw
  const body = route.body === null ? ok(null) : parseBody(route.body, raw.value)
  if (!body.ok) return body
  const key = idempotencyKeyFits(route, body.value, context, options)
  if (!key.ok) return key
  return ok({
    params: context.req.param() as AnyCall['params'],
    body: body.value as AnyCall['body'],
    query: query.value as AnyCall['query'],
    raw: raw.value,
    header: (name) => context.req.header(name),
    caller: caller.value,
    signal: endOf(route, context, options),
  })
}

const endOf = ({ media }: Route, context: Context, { stopping }: ServeOptions) =>
  media === 'text/event-stream'
    ? AbortSignal.any([context.req.raw.signal, stopping])
    : context.req.raw.signal

function callerOf(
  { auth, roles }: Route,
  context: Context,
  { sessions, roster, clock }: ServeOptions,
): Result<Caller | null, Refused> {
  if (auth !== 'session') return ok(null)
  const caller = sessions.caller(context.req.header('authorization'), roster(), clock.now())
  if (caller.ok && !roles.includes(caller.value.kind)) return refuse({ code: 'wrong_role' })
  return caller
}

/** Ending is never made to wait: not the acts that end, and nothing that an enforcer sends (INV-18). */
const neverWait = new Set([
  '/v1/acts/revoke',
  '/v1/acts/return',
  '/v1/acts/deny',
  '/v1/acts/withdraw',
  '/v1/acts/close_incident',
])

function waitOf(
  { auth, path }: Route,
  caller: Caller | null,
  context: Context,
  { sessionCap, addressCap }: ServeOptions,
): number {
  if (caller?.kind === 'principal') return sessionCap.take(caller.id)
  if (caller !== null || auth === 'enforcer' || neverWait.has(path)) return 0
  return addressCap.take(addressOf(context))
}

/**
 * How much of a body is read. What is longer than plain has to say so before, and is paid for by its address by the piece:
 * whoever signed it is known only once it was parsed.
 */
function roomFor(
  { mostBytes }: Route,
  context: Context,
  { addressCap }: ServeOptions,
): Result<number, Refused> {
  const announced = Number(context.req.header('content-length') ?? 0)
  if (!(announced > plainBody) || announced > mostBytes)
    return ok(Math.min(plainBody, mostBytes))
  const pieces = Math.ceil(announced / plainBody)
  const retryAfter = addressCap.take(`long ${addressOf(context)}`, pieces)
  return retryAfter > 0 ? refuse({ code: 'too_many_requests', retryAfter }) : ok(announced)
}

/** The peer's own address: no header says who it is. */
function addressOf(context: Context): string {
  const { incoming } = (context.env ?? {}) as {
    incoming?: { socket?: { remoteAddress?: string } }
  }
  return incoming?.socket?.remoteAddress ?? 'unknown'
}

function queryOf(route: Route, context: Context): Result<unknown, Refused> {
  const given = [...new URL(context.req.url).searchParams]
  const names = new Set(given.map(([name]) => name))
  if (names.size < given.length || (route.query === null && given.length > 0))
    return refuse({ code: 'malformed_request', issues: [{ path: '', reason: 'query' }] })
  if (route.query === null) return ok(null)
  return parseValue(route.query, Object.fromEntries(given))
}

/** An act's digest is its idempotency key; a header may repeat it and may say nothing else. */
function idempotencyKeyFits(
  { auth }: Route,
  body: unknown,
  context: Context,
  { crypto }: ServeOptions,
): Result<null, Refused> {
  const key = context.req.header('idempotency-key')
  if (auth !== 'act' || key === undefined) return ok(null)
  const { act } = body as { readonly act: Envelope }
  const bytes = base64.decode(act.payload)
  const digest = bytes === null ? null : digestOfBytes(crypto, bytes)
  return digest !== null && [digest, `"${digest}"`].includes(key)
    ? ok(null)
    : refuse({ code: 'idempotency_mismatch' })
}

function answerUnknown(table: Table, context: Context, options: ServeOptions): Response {
  const methods = Object.values(table)
    .filter(({ path }) => matches(path, context.req.path))
    .map(({ method }) => method)
  const code = methods.length > 0 ? 'method_not_allowed' : 'not_found'
  options.count(code)
  const headers: Record<string, string> =
    methods.length > 0 ? { allow: methods.join(', ') } : {}
  return answerRefused({ code }, randomUUID(), headers)
}

function matches(pattern: string, path: string): boolean {
  const wanted = pattern.split('/')
  const given = path.split('/')
  return (
    wanted.length === given.length &&
    wanted.every((part, at) =>
      part.startsWith(':') ? given[at] !== '' : part === given[at],
    )
  )
}

import type { AnswerOf, BodyOf, ParamsOf, QueryOf, Route, Routes } from '@halligan/contract'
import type { Json, Result } from '@halligan/core'
import type { Entry } from '@halligan/ledger'
import type { Caller } from './session.ts'

/** One request, once its bytes fit its schema and its caller is known. */
export type Call<R extends Route> = Readonly<{
  params: ParamsOf<R>
  body: BodyOf<R>
  query: QueryOf<R>
  /** Exactly what was sent: some signatures are over the bytes. */
  raw: Uint8Array
  header(name: string): string | undefined
  /** Who holds the session; null on every route that asks for none. */
  caller: R['auth'] extends 'session' ? Caller : Caller | null
  /** Aborts when the peer has gone. */
  signal: AbortSignal
}>

export type Refused = Readonly<{ code: string }>

export type StreamedEvent = Readonly<{ id?: string; event: string; data: string }>

/** A handler hands out what it was handed: readonly all the way down. */
type Frozen<T> = Json extends T
  ? T
  : T extends string | number | boolean | null | undefined | Entry
    ? T
    : { readonly [K in keyof T]: Frozen<T[K]> }

/** Bytes are sent as they are; anything else as JSON. */
export type Handler<R extends Route> = (
  call: Call<R>,
) => Promise<Result<Frozen<AnswerOf<R>> | Uint8Array, Refused>>

/** The stream ends when the iterable does, or when the peer goes. */
export type StreamHandler<R extends Route> = (
  call: Call<R>,
) => Promise<Result<AsyncIterable<StreamedEvent>, Refused>>

type Streams = 'grant_events' | 'enforcer_stream'

/** One handler per route: a route without one does not compile, and does not start either. */
export type Handlers = {
  readonly [K in keyof Routes]: K extends Streams
    ? StreamHandler<Routes[K]>
    : Handler<Routes[K]>
}

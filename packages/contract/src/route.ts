import type { z } from 'zod'

/**
 * How a caller shows who it is. `session`: a bearer that only reads. `act`, `trustees`, `enforcer`, `webhook`: the
 * signature is inside the body (or its headers), so what is changed is what was signed.
 */
export type Auth = 'none' | 'session' | 'act' | 'trustees' | 'enforcer' | 'webhook'

/** Who of those with a session: a person or workload, or an enforcer. The use case narrows further. */
export type Role = 'principal' | 'enforcer'

export type Media = 'application/json' | 'text/plain; charset=utf-8' | 'text/event-stream'

/** Long enough for any act with its texts. */
export const plainBody = 64 * 1024

/** Long enough for 32 texts of 8192 characters, each of them escaped by JSON to six. */
export const receiptBody = 2 * 1024 * 1024

/** One endpoint, whole. The server serves this table and nothing else; the OpenAPI text is built from it. */
export type Route = Readonly<{
  method: 'GET' | 'POST'
  /** `:name` stands for one segment. */
  path: string
  summary: string
  auth: Auth
  /** Not empty exactly when `auth` is `session`. */
  roles: readonly Role[]
  /** `enters`: success is at least one entry of the ledger, and so is the refusal of a signed act. */
  effect: 'reads' | 'enters'
  body: z.ZodType | null
  /** How long its body may be. Beyond {@link plainBody} only with a Content-Length, and at the caller's expense. */
  mostBytes: number
  query: z.ZodType | null
  response: z.ZodType
  media: Media
}>

type Params<Path extends string> = Path extends `${string}:${infer Name}/${infer Rest}`
  ? Name | Params<`/${Rest}`>
  : Path extends `${string}:${infer Name}`
    ? Name
    : never

/** The named segments of a route's path. */
export type ParamsOf<R extends Route> = Readonly<Record<Params<R['path']>, string>>

type Schema<S> = S extends z.ZodType ? z.output<S> : null

/** What a route's body, query and answer are once parsed. */
export type BodyOf<R extends Route> = Schema<R['body']>
export type QueryOf<R extends Route> = Schema<R['query']>
export type AnswerOf<R extends Route> = z.output<R['response']>

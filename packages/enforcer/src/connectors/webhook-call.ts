/**
 * One call to a receiver: a signed POST (Standard Webhooks 1.0) and its answer, which is bounded, timed and read strictly.
 * Whatever else comes back is no answer.
 *
 * @module
 */
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type IncomingMessage, request as plainRequest } from 'node:http'
import { request as tlsRequest } from 'node:https'
import type { Json } from '@halligan/core'
import { Webhook } from 'standardwebhooks'
import type { Clock } from '../ports.ts'
import { BadSettings, isRecord, isText, perhaps, strictFields } from '../strict-fields.ts'
import { isLoopback } from './loopback.ts'
import type { ConnectorSettings } from './registry.ts'
import type { SecretReference } from './secret-reference.ts'
import { isSecretReference, placeOf, readSecret } from './secret-reference.ts'

export type WebhookSettings = Readonly<{
  target: string
  /** `https:` always, but for loopback. Every call is a POST to it. */
  url: string
  /** `whsec_` and base64, as Standard Webhooks writes it; read anew for each call. */
  secret: SecretReference
  /** A file of PEM certificates to trust instead of the system's. */
  caFile?: string
  /** Shared accounts that the receiver keeps (`account:NAME`). */
  accounts?: readonly string[]
}>

/** Throws {@link BadSettings}. Reads no secret and reaches nothing. */
export function webhookSettings({ kind: _, ...settings }: ConnectorSettings) {
  const read = strictFields('webhook connector', settings, {
    target: isText,
    url: isText,
    secret: isSecretReference,
    caFile: perhaps(isText),
    accounts: perhaps((value) => Array.isArray(value) && value.every(isText)),
  }) as WebhookSettings
  const url = URL.parse(read.url)
  if (url === null || url.username !== '' || url.password !== '' || url.hash !== '')
    throw new BadSettings('webhook connector: url is no plain URL')
  const isSafe =
    url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname))
  if (!isSafe)
    throw new BadSettings('webhook connector: url must be https, but on loopback')
  return read
}

export type Call =
  | 'open'
  | 'close'
  | 'snapshot'
  | 'apply'
  | 'reseal'
  | 'probe'
  | 'revoke'
  | 'cleanup'
  | 'standing'
  | 'rotate'

/** The receiver's own no: a code it knows to be about this very call. Anything else that fails says nothing. */
export class ReceiverRefused extends Error {
  override readonly name = 'ReceiverRefused'
  readonly code: string
  constructor(code: string) {
    super(`the receiver refuses: ${code}`)
    this.code = code
  }
}

/** Asks, and answers the fields of a 200; throws {@link ReceiverRefused} for a 409 with a code. */
export type Ask = (call: Call, fields?: Readonly<Record<string, Json>>) => Promise<Fields>

export type Fields = Readonly<Record<string, unknown>>

const millisToAnswer = 10_000
const mostBytes = 1024 * 1024

export function askWith(settings: WebhookSettings, clock: Clock): Ask {
  const { target } = settings
  return async (call, fields = {}) => {
    const body = JSON.stringify({ v: 1, call, target, ...fields })
    const { status, type, text } = await post(settings, body, new Date(clock.read().wall))
    if (!/^application\/json\b/.test(type))
      throw new Error(`${target} answered ${status} with no JSON`)
    const answer = parsed(text)
    if (answer === null) throw new Error(`${target} answered ${status} with no object`)
    if (status === 200) return answer
    const code = status === 409 ? answer.code : null
    if (typeof code === 'string' && /^[a-z_]{1,64}$/.test(code))
      throw new ReceiverRefused(code)
    throw new Error(`${target} answered ${status}`)
  }
}

type Answered = Readonly<{ status: number; type: string; text: string }>

/** No redirect is followed: node's own client knows none. */
async function post(settings: WebhookSettings, body: string, at: Date): Promise<Answered> {
  const url = new URL(settings.url)
  const signal = AbortSignal.timeout(millisToAnswer)
  const ca =
    settings.caFile === undefined ? {} : { ca: readFileSync(settings.caFile, 'utf8') }
  const options = {
    method: 'POST',
    headers: headersOf(settings, body, at),
    signal,
    agent: false,
  }
  return new Promise((resolve, reject) => {
    const hear = (response: IncomingMessage) => void read(response).then(resolve, reject)
    const request =
      url.protocol === 'https:'
        ? tlsRequest(url, { ...options, ...ca, rejectUnauthorized: true }, hear)
        : plainRequest(url, options, hear)
    request.once('error', reject).end(body)
  }).catch((cause: unknown) => {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new Error(`${settings.target} does not answer: ${why}`, { cause })
  }) as Promise<Answered>
}

function headersOf({ secret }: WebhookSettings, body: string, at: Date) {
  const id = `msg_${randomUUID()}`
  return {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
    'webhook-signature': signerOf(secret).sign(id, at, body),
  }
}

function signerOf(reference: SecretReference): Webhook {
  const secret = readSecret(reference)
  if (!/^whsec_[A-Za-z0-9+/=]{32,}$/.test(secret))
    throw new BadSettings(
      `${placeOf(reference)} holds no Standard Webhooks secret (whsec_...)`,
    )
  return new Webhook(secret)
}

async function read(response: IncomingMessage): Promise<Answered> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response) {
    size += chunk.length
    if (size > mostBytes) {
      response.destroy()
      throw new Error('the answer is larger than a mebibyte')
    }
    chunks.push(chunk)
  }
  const { statusCode: status = 0, headers } = response
  const type = headers['content-type'] ?? ''
  return { status, type, text: Buffer.concat(chunks).toString('utf8') }
}

function parsed(text: string): Fields | null {
  try {
    const value: unknown = JSON.parse(text)
    return isRecord(value) ? value : null
  } catch {
    return null
  }
}

import type { Envelope, Instant, Result } from '@halligan/core'
import { payloadTypes, type Signer, sealEnvelope } from '@halligan/ledger'
import { type ClientRefusal, serverEvents, type Transport } from '@halligan/sdk'
import type { Clock, ControlPlane, Log, Scheduler, Unanswered } from './ports.ts'

/** A server that has not answered by then is one that is down. */
const answerMillis = 15_000
const firstReconnectMillis = 500
const reconnectCeilingMillis = 15_000

export type Caller = Readonly<{
  estate: string
  enforcer: string
  signer: Signer
  /** Origin of the log as the accepted roster names it; null before there is one. */
  origin(): string | null
  clock: Clock
  scheduler: Scheduler
  log: Log
}>

/** The control plane over HTTP: outbound only, redirects refused, every answer strictly parsed. */
export function httpControlPlane(transport: Transport, caller: Caller): ControlPlane {
  const signal = () => AbortSignal.timeout(answerMillis)
  return {
    sync: async (statement) =>
      plain(await transport.call('sync', { body: { sync: statement }, signal: signal() })),
    deliver: async ({ receipt, sealed, blobs }) =>
      plain(
        await transport.call('receipt', {
          body: { receipt, blobs, ...(sealed === undefined ? {} : { sealed }) },
          signal: signal(),
        }),
      ),
    wakeUps: (wake) => listen(transport, caller, wake),
  }
}

const plain = <T>(answer: Result<T, ClientRefusal>): Result<T, Unanswered> =>
  answer.ok
    ? answer
    : { ok: false, error: { code: answer.error.code, detail: answer.error.detail } }

/** Holds the outbound stream, and opens it again with growing pauses for as long as it takes. */
function listen(transport: Transport, caller: Caller, wake: () => void): () => void {
  const over = new AbortController()
  let failures = 0
  let cancel = () => {}
  const again = () => {
    if (over.signal.aborted) return
    const pause = firstReconnectMillis * 2 ** Math.min(failures++, 10)
    cancel = caller.scheduler.after(Math.min(pause, reconnectCeilingMillis), connect)
  }
  const connect = () => {
    streamOnce(transport, caller, over.signal, () => {
      failures = 0
      wake()
    })
      .catch((error: unknown) => {
        if (over.signal.aborted) return
        const why = error instanceof Error ? error.message : String(error)
        caller.log({ level: 'warn', what: 'stream_lost', why })
      })
      .finally(again)
  }
  connect()
  return () => {
    over.abort()
    cancel()
  }
}

/** Every event, whatever it says, is only a reason to ask: what is believed comes with the answer. */
async function streamOnce(
  transport: Transport,
  caller: Caller,
  over: AbortSignal,
  wake: () => void,
): Promise<void> {
  const token = await openSession(transport, caller)
  const stream = await transport.stream('enforcer_stream', { token, signal: over })
  if (!stream.ok) throw new Error(`${stream.error.code}: ${stream.error.detail}`)
  wake()
  for await (const _ of serverEvents(stream.value)) wake()
}

async function openSession(transport: Transport, caller: Caller): Promise<string> {
  const origin = caller.origin()
  if (origin === null) throw new Error('no roster yet: the first answer brings it')
  const principal = `enforcer/${caller.enforcer}`
  const signal = AbortSignal.timeout(answerMillis)
  const asked = await transport.call('challenge', { body: { principal }, signal })
  if (!asked.ok) throw new Error(`${asked.error.code}: ${asked.error.detail}`)
  const session = sealSession(caller, principal, origin, asked.value.challenge)
  const opened = await transport.call('session', { body: { session }, signal })
  if (!opened.ok) throw new Error(`${opened.error.code}: ${opened.error.detail}`)
  return opened.value.token
}

function sealSession(
  { estate, signer, clock }: Caller,
  principal: string,
  origin: string,
  challenge: string,
): Envelope {
  const at: Instant = clock.read().wall
  const { keyId } = signer
  const statement = {
    ...{ type: 'halligan/session/v1', estate, origin, principal, keyId, challenge, at },
  }
  return sealEnvelope(payloadTypes.session, statement, signer)
}

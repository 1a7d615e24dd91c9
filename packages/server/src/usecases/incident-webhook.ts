import { timingSafeEqual } from 'node:crypto'
import { type IncidentWebhook, incidentWebhook, parseBody } from '@halligan/contract'
import { type Instant, ok, type Result, refuse } from '@halligan/core'
import { base64url, commit, digestOf } from '@halligan/ledger'
import { Webhook } from 'standardwebhooks'
import type { Tx } from '../store/port.ts'
import type { Effect } from './accept-act.ts'
import { endIncident } from './close-incident.ts'
import type { Deps } from './deps.ts'
import { incidentDraft } from './open-incident.ts'
import type { Refusal } from './refusal.ts'

/** As it arrived: the signature is over these bytes. */
export type WebhookInput = Readonly<{
  id: string
  timestamp: string
  signature: string
  body: string
}>

export type IncidentAnswer = Readonly<{
  incident: string
  entries: readonly Readonly<{ index: number; id: string }>[]
}>

/** Standard Webhooks 1.0: a message older or newer than this is a replay or a wrong clock. */
const toleranceSeconds = 300

/** An incident opened or closed at its source. The same message again gets the first answer. */
export async function incidentFromWebhook(
  deps: Deps,
  secret: string,
  input: WebhookInput,
): Promise<Result<IncidentAnswer, Refusal>> {
  const told = verifyWebhook(secret, input, deps.clock.now())
  if (!told.ok) {
    deps.refusals.count(told.error.code)
    return told
  }
  const salt = deps.random.bytes(32)
  return await deps.writer.submit<IncidentAnswer, Refusal>({
    name: 'incident_webhook',
    key: digestOf(deps.crypto, { webhook: input.id, body: input.body }),
    ...(told.value.type === 'incident.closed' ? { ending: true } : {}),
    run: (tx, now) => {
      const effect = enter(deps, tx, told.value, salt, now)
      if (!effect.ok) return effect
      const entries = effect.value.entries.map(({ index, entry }) => ({
        index,
        id: entry.id,
      }))
      return ok({ incident: told.value.data.incident, entries })
    },
  })
}

function enter(
  deps: Deps,
  tx: Tx,
  { type, data }: IncidentWebhook,
  salt: Uint8Array,
  now: Instant,
): Result<Effect, Refusal> {
  const actor = 'source/webhook'
  const { incident } = data
  if (type === 'incident.closed') {
    if (tx.incident(incident)?.source !== 'webhook')
      return refuse({ code: 'unknown_incident' })
    return endIncident(deps, tx, incident, { actor, act: null }, now)
  }
  if (tx.incident(incident) !== null) return refuse({ code: 'incident_exists' })
  const { severity, systems, title } = data
  const titleCommitment = commit(deps.crypto, salt, new TextEncoder().encode(title))
  tx.putBlob({ commitment: titleCommitment, salt: base64url.encode(salt), text: title })
  const event = {
    kind: 'incident_opened',
    incident,
    source: 'webhook',
    severity,
    systems,
    titleCommitment,
    act: null,
  } as const
  return ok({ entries: [tx.append(incidentDraft(event, actor, now))], incident })
}

function verifyWebhook(
  secret: string,
  { id, timestamp, signature, body }: WebhookInput,
  now: Instant,
): Result<IncidentWebhook, Refusal> {
  if (!/^[0-9]{1,12}$/.test(timestamp)) return bad('no timestamp')
  const at = new Date(Number(timestamp) * 1000)
  if (Math.abs(now - at.getTime()) > toleranceSeconds * 1000)
    return bad('the timestamp is not current')
  const expected = Buffer.from(new Webhook(secret).sign(id, at, body))
  const signed = signature
    .split(' ')
    .map((one) => Buffer.from(one))
    .some((one) => one.length === expected.length && timingSafeEqual(one, expected))
  if (!signed) return bad('the signature does not verify')
  const parsed = parseBody(incidentWebhook, body)
  return parsed.ok ? parsed : bad('the body does not fit its schema')
}

const bad = (reason: string) => refuse({ code: 'bad_webhook', reason } as const)

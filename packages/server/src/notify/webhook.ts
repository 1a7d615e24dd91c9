import { Webhook } from 'standardwebhooks'
import type { Clock, Net } from '../ports.ts'
import { bodyOf } from './body.ts'
import type { NoticeSink } from './sink.ts'

export type WebhookSinkOptions = Readonly<{
  url: string
  /** `whsec_` and base64, as Standard Webhooks writes it. */
  secret: string
  net: Net
  clock: Pick<Clock, 'now'>
  timeoutMillis?: number
}>

/** Posts each notice as one signed message (Standard Webhooks 1.0); any 2xx is a delivery. */
export function webhookSink(options: WebhookSinkOptions): NoticeSink {
  const { url, net, clock, timeoutMillis = 5000 } = options
  const webhook = new Webhook(options.secret)
  return {
    async deliver(notice) {
      const at = clock.now()
      const body = bodyOf(notice)
      const headers = {
        'content-type': 'application/json',
        'webhook-id': notice.id,
        'webhook-timestamp': String(Math.floor(at / 1000)),
        'webhook-signature': webhook.sign(notice.id, new Date(at), body),
      }
      const { status } = await net.post(url, headers, body, timeoutMillis)
      return status >= 200 && status < 300
    },
  }
}

import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll } from 'vitest'
import { describeAt } from '../../test/real-server.ts'
import { openWebhookLab, type WebhookLab, webhookHarness } from '../../test/webhook-lab.ts'
import { describeConnector } from './connector.contract.ts'

const program = fileURLToPath(
  new URL('../../../../examples/webhook-receiver/receiver.py', import.meta.url),
)

describeAt('Python', () => {
  let lab: WebhookLab
  beforeAll(async () => {
    lab = await openWebhookLab(1, ['/usr/bin/env', 'python3', program])
  })
  afterAll(() => lab.remove())

  describeConnector('a receiver in another language', () => webhookHarness(lab))
})

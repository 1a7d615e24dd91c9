/**
 * The example receiver with a connector at it, for tests and the benchmark.
 *
 * @module
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  startWebhookReceiver,
  type WebhookReceiver,
} from '../../cli/src/estate/webhook-receiver.ts'
import type { Connector, Credential } from '../src/connectors/port.ts'
import type { ConnectorPorts } from '../src/connectors/registry.ts'
import { webhookConnector } from '../src/connectors/webhook.ts'
import type { WebhookSettings } from '../src/connectors/webhook-call.ts'
import { memoryPorts } from './connector-ports.ts'

export type WebhookLab = Readonly<{
  target: string
  receiver: WebhookReceiver
  settings: WebhookSettings
  connector(
    ports?: Pick<ConnectorPorts, 'clock' | 'held' | 'vault'>,
    more?: Partial<WebhookSettings>,
  ): Connector
  /** Whether the page that the receiver guards lets these in. */
  letsIn(credential: Credential): Promise<boolean>
  remove(): Promise<void>
}>

export async function openWebhookLab(leaseSeconds = 1): Promise<WebhookLab> {
  const dir = await mkdtemp(join(tmpdir(), 'halligan-lab-'))
  const receiver = await startWebhookReceiver({ dir: join(dir, 'receiver'), leaseSeconds })
  const file = join(dir, 'secret')
  await writeFile(file, receiver.secret, { mode: 0o600 })
  const target = 'status-page'
  const settings = { target, url: receiver.url, secret: { file } }
  return {
    ...{ target, receiver, settings },
    connector: (ports = memoryPorts(), more = {}) =>
      webhookConnector({ ...settings, ...more }, ports),
    letsIn: ({ USER, PASSWORD }) => letsIn(receiver.url, `${USER}:${PASSWORD}`),
    remove: async () => {
      await receiver.remove()
      await rm(dir, { recursive: true })
    },
  }
}

async function letsIn(url: string, user: string): Promise<boolean> {
  const authorization = `Basic ${Buffer.from(user).toString('base64')}`
  const { status } = await fetch(url, { headers: { authorization } })
  return status === 200
}

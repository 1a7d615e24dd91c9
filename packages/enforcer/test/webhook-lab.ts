/**
 * The example receiver with a connector at it, for tests and the benchmark.
 *
 * @module
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Instant } from '@halligan/core'
import {
  startWebhookReceiver,
  type WebhookReceiver,
} from '../../cli/src/estate/webhook-receiver.ts'
import type { Connector, Credential } from '../src/connectors/port.ts'
import type { ConnectorPorts } from '../src/connectors/registry.ts'
import { webhookConnector } from '../src/connectors/webhook.ts'
import type { WebhookSettings } from '../src/connectors/webhook-call.ts'
import type { ConnectorHarness } from './connector-case.ts'
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

export async function openWebhookLab(
  leaseSeconds = 1,
  program?: readonly string[],
): Promise<WebhookLab> {
  const dir = await mkdtemp(join(tmpdir(), 'halligan-lab-'))
  const receiver = await startWebhookReceiver({
    ...{ dir: join(dir, 'receiver'), leaseSeconds },
    ...(program === undefined ? {} : { program }),
  })
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

/** For the connectors' suite. */
export const webhookHarness = (lab: WebhookLab): ConnectorHarness => ({
  target: lab.target,
  privileges: ['page:read', 'page:write'],
  connector: (lent) => lab.connector({ ...memoryPorts(), ...lent }),
  now: async () => Date.now() as Instant,
  enter: (credential) => enterPage(lab, credential),
  standingRightWorks: () => lab.letsIn({ USER: 'ops', PASSWORD: 'ops' }),
  goDown: () => lab.receiver.kill(),
  comeBack: () => lab.receiver.restart(),
  removeByHand: (grant) =>
    changeUsers(lab, (users) => {
      delete users[grant.replace('g-', 'halligan_g_')]
    }),
  // Nobody renews the lease any more, and it lapses.
  crash: async (connector) => {
    await connector.close()
    await pause(1_100)
  },
})

export async function enterPage(lab: WebhookLab, credential: Credential) {
  if (!(await lab.letsIn(credential))) throw new Error('the page does not let it in')
  return { hasAccess: () => lab.letsIn(credential), leave: async () => {} }
}

/** In the receiver's own file, around the connector. */
export async function changeUsers(
  { receiver }: WebhookLab,
  edit: (users: Record<string, unknown>) => void,
): Promise<void> {
  const users = JSON.parse(await readFile(receiver.usersFile, 'utf8'))
  edit(users)
  await writeFile(receiver.usersFile, JSON.stringify(users))
}

async function letsIn(url: string, user: string): Promise<boolean> {
  const authorization = `Basic ${Buffer.from(user).toString('base64')}`
  const { status } = await fetch(url, { headers: { authorization } })
  return status === 200
}

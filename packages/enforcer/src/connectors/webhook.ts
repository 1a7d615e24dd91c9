/**
 * Anything else as a target: a receiver of signed webhooks, in any language, that makes and takes away access. The receiver is
 * trusted no more than another target: what it answers to `revoke` counts for nothing, what it answers to `probe` decides.
 * docs/connectors/webhook.md is the wire.
 *
 * @module
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { type Json, type ProbeResult, showAbsence } from '@halligan/core'
import { type Connector, TargetTaken } from './port.ts'
import type { ConnectorPorts, MakeConnector } from './registry.ts'
import { accountNamed, whyNotCheckedOut } from './shared-account.ts'
import * as read from './webhook-answer.ts'
import {
  type Ask,
  askWith,
  ReceiverRefused,
  type WebhookSettings,
  webhookSettings,
} from './webhook-call.ts'
import { secretsOf } from './webhook-secrets.ts'

export const makeWebhookConnector: MakeConnector = (settings, ports) =>
  webhookConnector(webhookSettings(settings), ports)

export function webhookConnector(
  settings: WebhookSettings,
  ports: Pick<ConnectorPorts, 'clock' | 'held' | 'vault'>,
): Connector {
  const { accounts = [], target } = settings
  const ask = askWith(settings, ports.clock)
  const lease = leaseAt(ask, target)
  const secrets = secretsOf(settings, ports)

  return {
    open: lease.take,
    close: lease.release,
    accounts: () => accounts,
    sharedAccount: accountNamed,
    refuses: (opening) => whyNotCheckedOut(opening, accounts, ports.held(target)),
    snapshot: async () => JSON.stringify(read.objects(await ask('snapshot'))),
    difference(before, after) {
      const [old, current] = [before, after].map(
        (text) => new Set<string>(JSON.parse(text)),
      )
      const only = (
        some: Set<string> | undefined,
        rest: Set<string> | undefined,
        what: string,
      ) =>
        [...(some ?? [])]
          .filter((object) => !rest?.has(object))
          .map((object) => ({ what, object }))
      return [...only(current, old, 'appeared'), ...only(old, current, 'vanished')]
    },
    apply(opening) {
      const { grant, requester, privileges, applyBefore, deadline } = opening
      const about = { grant, requester, privileges, applyBefore, deadline }
      return secrets.apply(
        opening,
        async (secret) => read.applied(await lease.under('apply', { ...about, secret })),
        ({ kind }) => kind === 'applied',
      )
    },
    reseal: (grant) =>
      secrets.reseal(grant, async (secret) =>
        read.resealed(await lease.under('reseal', { grant, secret })),
      ),
    probePresent: async (grant) => read.probed(await ask('probe', { grant })).present,
    end: async (grant) => read.nothing(await ask('revoke', { grant })),
    probeAbsent: async (grant) => shownBy(read.probed(await ask('probe', { grant }))),
    cleanup: async (grant) => read.nothing(await ask('cleanup', { grant })),
    standing: async () => read.grants(await ask('standing')),
    rotate: (account) =>
      secrets.rotate(
        account,
        async (secret) => shownBy(read.probed(await ask('rotate', { account, secret }))),
        { isProven: showAbsence, isOpen: takesTheNew },
      ),
  }
}

const takesTheNew = (probes: readonly ProbeResult[]): boolean =>
  probes.some(({ probe, absent }) => probe === 'new_secret_refused' && absent)

/** A receiver that contradicts itself has shown nothing to be absent. */
const shownBy = ({ present, probes }: ReturnType<typeof read.probed>) =>
  present ? probes.map((probe) => ({ ...probe, absent: false })) : probes

/**
 * One enforcer per target: the receiver keeps the target for whoever opened it, for so many seconds after it last heard of
 * them, and takes `apply` and `reseal` from nobody else. So an enforcer whose lease has lapsed has lost the means to open,
 * whether it knows it or not. Ending needs no lease.
 */
function leaseAt(ask: Ask, target: string) {
  const token = randomBytes(16).toString('base64url')
  let renewal: NodeJS.Timeout | null = null

  const rest = () => {
    if (renewal !== null) clearInterval(renewal)
    renewal = null
  }
  const renew = async (): Promise<number> =>
    read.leaseSeconds(await ask('open', { lease: token }))
  const keep = (seconds: number) => {
    rest()
    const again = () => void renew().catch(rest)
    renewal = setInterval(again, (seconds * 1000) / 3).unref()
  }
  /** A predecessor that was killed still has its lease for a while. */
  const take = async () => {
    for (let waited = 0; ; waited += millisBetweenTries)
      try {
        return keep(await renew())
      } catch (error) {
        if (!isCode(error, 'taken')) throw error
        if (waited >= millisForPredecessor)
          throw new TargetTaken(`another enforcer holds ${target}`, { cause: error })
        await pause(millisBetweenTries)
      }
  }
  return {
    take,
    async release() {
      rest()
      await ask('close', { lease: token }).then(read.nothing, () => undefined)
    },
    /** Under this enforcer's lease, which is taken again first when the receiver does not know it. */
    async under(call: 'apply' | 'reseal', fields: Readonly<Record<string, Json>>) {
      const once = () => ask(call, { ...fields, lease: token })
      try {
        return await once()
      } catch (error) {
        if (!isCode(error, 'lease_lost')) throw error
        await take()
        return once()
      }
    },
  }
}

const isCode = (error: unknown, code: string): boolean =>
  error instanceof ReceiverRefused && error.code === code

const millisForPredecessor = 2_000
const millisBetweenTries = 100

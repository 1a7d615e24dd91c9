import type { GrantId, RouteName } from '@halligan/core'
import { digestOf } from '@halligan/ledger'
import { nodeCrypto } from '@halligan/ledger/node'
import { Command, Option } from 'commander'
import { act, type Common, type Outcome, type Run, shown } from '../command.ts'
import { type Desk, newText, openDesk, sign, textOption } from '../desk.ts'
import { fromNow } from '../display/duration.ts'
import { newGrantId } from '../grant-id.ts'
import { grantLife } from '../life.ts'

type Options = Readonly<{
  incident: string
  reason: string
  route: RouteName
  life: string
  for?: readonly string[]
}>

export const requestCommand = (run: Run): Command =>
  new Command('request')
    .alias('break')
    .description('ask for emergency access; the terms are shown before you sign')
    .argument('<entitlement>', 'what you need; see `halligan check`')
    .requiredOption('--incident <id>', 'the incident that justifies it')
    .requiredOption(
      '--reason <text>',
      'why, for approvers and reviewers; @FILE reads a file',
    )
    .addOption(
      new Option('--route <route>', 'how to open it')
        .choices(['quorum', 'solo'])
        .default('quorum'),
    )
    .option('--life <time>', 'how long you need it, e.g. 90s, 15m, 1h', '15m')
    .option('--for <principal...>', 'on whose behalf you act, beside yourself')
    .action(
      act<Options>(run, async (options, [entitlement = '']) => {
        const life = grantLife(options.life)
        if (!life.ok) return life
        const desk = await openDesk(run.machine)
        if (!desk.ok) return desk
        return request(desk.value, entitlement, life.value, options)
      }),
    )

async function request(
  desk: Desk,
  entitlement: string,
  lifeSeconds: number,
  options: Options & Common,
): Promise<Outcome> {
  const { client, machine } = desk
  const reason = newText(machine, await textOption(options.reason))
  const asked = {
    grant: newGrantId(machine.random(16)),
    entitlement,
    route: options.route,
    lifeSeconds,
    incident: options.incident,
    reasonCommitment: reason.commitment,
    ...(options.for === undefined ? {} : { actsFor: options.for as never }),
  }
  const prepared = await client.prepareRequest(asked)
  if (!prepared.ok) return prepared
  const { nonce, terms } = prepared.value
  const termsDigest = digestOf(nodeCrypto, terms)
  const { grant } = asked
  const accepted = await sign(
    desk,
    { verb: 'request', grant, termsDigest, nonce, body: { terms }, terms, blobs: [reason] },
    options,
  )
  return accepted.ok ? requested(desk, grant, accepted.value.phase) : accepted
}

async function requested(
  { client, machine }: Desk,
  grant: GrantId,
  phase: string | undefined,
): Promise<Outcome> {
  const read = await client.grant(grant)
  const until = read.ok && 'until' in read.value.grant ? read.value.grant.until : null
  const next =
    phase === 'approved'
      ? `Next: halligan activate ${grant}`
      : `Next, an approver: halligan approve ${grant}`
  const wait = until === null ? '' : `It lapses ${fromNow(until, machine.now())}.\n`
  return shown({ grant, phase, until }, grant, `Requested; now ${phase}. ${wait}${next}`)
}

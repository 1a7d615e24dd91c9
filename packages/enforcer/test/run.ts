import type { Digest, GrantId, Instant, PrincipalId, Receipt } from '@halligan/core'
import { payloadTypes, readEnvelope } from '@halligan/ledger'
import { type DueLoop, startDueLoop, usualPace } from '../src/due.ts'
import type { Site } from '../src/site.ts'
import { advance, type HeldOrder, unheld } from '../src/state.ts'
import type { Books } from '../src/store/port.ts'
import { type Host, start, targetName } from './host.ts'

export const lifeMillis = 4000

export const orderFor = (grant: GrantId, index = 7): HeldOrder => ({
  orderDigest: `sha256:${grant.charCodeAt(2).toString(16).repeat(32)}` as Digest,
  orderIndex: index,
  overlapKey: `payments-pg/${grant}`,
  privileges: ['role:payments_repair'],
  sealTo: { kty: 'OKP', crv: 'X25519', x: 'ada' },
  applyBefore: (start + 120_000) as Instant,
  notAfter: (start + lifeMillis) as Instant,
  requester: 'ada' as PrincipalId,
  approvers: ['bob' as PrincipalId],
})

/** Writes down an order as verified and accepted now, by default for four seconds; on a shared account, if one is named. */
export function accept(
  site: Site,
  grant: GrantId,
  account?: string,
  target = targetName,
  life = lifeMillis,
): void {
  const clocks = site.clock.read()
  const bound = {
    bootId: clocks.bootId,
    bootAtAccept: clocks.bootMillis,
    wallAtAccept: clocks.wall,
    remainingMillis: life,
    notAfter: (clocks.wall + life) as Instant,
  }
  const accepted = advance(unheld(grant, target), {
    kind: 'accepted',
    order:
      account === undefined
        ? orderFor(grant)
        : { ...orderFor(grant), privileges: [`account:${account}`], account },
    bound,
    before: '[]',
  })
  if (accepted.ok) site.books.keepHold(accepted.value)
}

/** The due loop of one process. `broken` collects what killed it. */
export function run(site: Site): { loop: DueLoop; broken: unknown[] } {
  const broken: unknown[] = []
  const loop = startDueLoop(site, usualPace, (error) => broken.push(error))
  loop.look()
  return { loop, broken }
}

/** Lets time really pass in steps, firing timers and finishing the work they start. */
export async function pass(
  host: Host,
  loop: DueLoop,
  millis: number,
  atEach: () => void = () => {},
): Promise<void> {
  const step = 500
  await loop.idle()
  atEach()
  for (let passed = 0; passed < millis; passed += step) {
    host.clock.pass(step)
    host.scheduler.fire()
    await loop.idle()
    atEach()
  }
}

/** Every receipt in the outbox, in order. */
export const receipts = (books: Books): readonly Receipt[] =>
  books.outgoing(1000).map(({ delivery }) => {
    const read = readEnvelope<Receipt>(payloadTypes.receipt, delivery.receipt)
    if (!read.ok) throw new Error(read.error.reason)
    return read.value.value
  })

export const kinds = (books: Books): readonly string[] =>
  receipts(books).map(({ detail }) => detail.kind)

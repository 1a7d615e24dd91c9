/**
 * One enforcer at work: the due loop, which needs nobody, and beside it the conversations with the control plane, which may
 * fail for as long as they like. Everything comes through the site's ports, so that a test runs it in one process.
 *
 * @module
 */
import type { GrantId } from '@halligan/core'
import { askEffect, askTarget } from './ask-target.ts'
import { TargetTaken } from './connectors/port.ts'
import { deliverReceipts } from './deliver.ts'
import { watchTarget } from './drift.ts'
import { type DueLoop, type Pace, startDueLoop, usualPace } from './due.ts'
import { acceptOrder } from './open-grant.ts'
import { createRepeat, type Repeat } from './repeat.ts'
import { resealGrant } from './reseal-grant.ts'
import type { Site } from './site.ts'
import { plainReason } from './struggle.ts'
import { sync, type Told } from './sync.ts'

export type DaemonPace = Pace &
  Readonly<{
    /** A sync at least this often, whether or not anything woke it. */
    syncMillis: number
    driftMillis: number
  }>

export const usualDaemonPace: DaemonPace = {
  ...usualPace,
  syncMillis: 10_000,
  driftMillis: 60_000,
}

export type Daemon = Readonly<{
  due: DueLoop
  /** Asks the control plane now. */
  wake(): void
  /** Resolves once nothing that has begun is still under way. */
  idle(): Promise<void>
  stop(): Promise<void>
}>

/**
 * Ends what is due, takes every target, then talks to the control plane. Throws `TargetTaken` when another enforcer holds one; a target that cannot be reached is
 * tried again for as long as it takes. `onBroken` hears of a broken promise, after which nothing more is begun.
 */
export async function startDaemon(
  site: Site,
  pace: DaemonPace,
  onBroken: (error: unknown) => void,
): Promise<Daemon> {
  let unlisted: ReadonlySet<GrantId> = new Set()
  let missedBefore: ReadonlySet<GrantId> = new Set()
  const broken = (error: unknown) => {
    for (const each of repeats) each.stop()
    onBroken(error)
  }
  const outbox = createRepeat(site, pace, pace.syncMillis, broken, () =>
    deliverReceipts(site),
  )
  let lastTold = 0
  const due = startDueLoop(site, pace, broken, () => {
    const seq = site.books.lastReceipt()?.seq ?? 0
    if (seq > lastTold) outbox.now()
    lastTold = seq
  })
  const syncing = createRepeat(site, pace, pace.syncMillis, broken, async () => {
    const told = await sync(site)
    due.look()
    if (!told.ok) {
      const { code, detail } = told.error
      site.log({ level: 'warn', what: 'control_plane_silent', code, detail })
      return false
    }
    carryOut(site, due, told.value)
    // One answer may have been made before the last receipt arrived; two in a row are drift.
    unlisted = new Set([...told.value.unlisted].filter((grant) => missedBefore.has(grant)))
    missedBefore = told.value.unlisted
    outbox.now()
    return true
  })
  // One for each target: none waits for another (INV-25).
  const watching = [...site.connectors.keys()].map((target) => {
    const watch = watchTarget(site, target)
    return createRepeat(site, pace, pace.driftMillis, broken, async () => {
      await watch(unlisted)
      outbox.now()
      return true
    })
  })
  const repeats: readonly Repeat[] = [outbox, syncing, ...watching]
  // What is due ends at once: that needs no lock, and no target that hangs delays it. Applying takes the lock by itself.
  due.look()
  await takeTargets(site).catch(async (error: unknown) => {
    due.stop()
    outbox.stop()
    await closeAll(site)
    throw error
  })
  const hush = site.controlPlane.wakeUps(syncing.now)
  for (const each of [...watching, syncing]) each.now()
  return {
    due,
    wake: syncing.now,
    async idle() {
      await Promise.all([due.idle(), ...repeats.map((each) => each.idle())])
    },
    async stop() {
      hush()
      due.stop()
      for (const each of repeats) each.stop()
      await Promise.all([due.idle(), ...repeats.map((each) => each.idle())])
      await closeAll(site)
    },
  }
}

/** Everything that an answer asks for waits in the lane of its target. */
function carryOut(site: Site, due: DueLoop, { opens, reseals }: Told): void {
  for (const admitted of opens) {
    const { grant, target } = admitted.proven.order
    due.lane(target).run(grant, 'open', () => acceptOrder(site, admitted))
  }
  for (const admitted of reseals) {
    const { grant, target } = admitted.order
    due.lane(target).run(grant, 'open', () => resealGrant(site, admitted))
  }
}

/** How long the start waits for a target. One that takes longer is taken when it answers. */
const startPatienceMillis = 5000

/** All at once. What is held elsewhere refuses the whole enforcer; what is away is only told. */
async function takeTargets(site: Site): Promise<void> {
  const taking = [...site.connectors].map(async ([target, connector]) => {
    const open = () => connector.open()
    const opened = await askEffect(site, connector, 'open', open, startPatienceMillis)
    if (opened.ok) return
    const { error, reason } = opened.error
    if (error instanceof TargetTaken) throw error
    site.log({ level: 'alarm', what: 'target_unready', target, why: plainReason(reason) })
  })
  const settled = await Promise.allSettled(taking)
  const refused = settled.find(({ status }) => status === 'rejected')
  if (refused?.status === 'rejected') throw refused.reason
}

async function closeAll(site: Site): Promise<void> {
  const closing = [...site.connectors.values()].map((connector) =>
    askTarget(site, () => connector.close(), startPatienceMillis),
  )
  await Promise.all(closing)
}

/**
 * Notices on their way out. Each route is a lane of its own: what one of them does, or does not do, changes nothing for
 * another (INV-18a, X-05).
 *
 * @module
 */
import { type Instant, ok, secondsAfter } from '@halligan/core'
import type { NoticeLane } from '../notify/lane.ts'
import type { Notice } from '../store/port.ts'
import type { Deps } from './deps.ts'
import type { Refusal } from './refusal.ts'

/** The routes that a notice takes. A page takes every one. */
export const routesFor = (
  { lanes }: Pick<Deps, 'lanes'>,
  urgency: 'page' | 'tell',
): readonly string[] =>
  lanes
    .filter(({ route }) => urgency === 'page' || route.takes === 'all')
    .map(({ route }) => route.name)

/**
 * Hands what waits to the routes that are configured now. Resolves after the first few notices, with what resolves after the
 * last. Where the log is contradicted, everything stays as it was.
 */
export async function adoptRoutes(
  deps: Deps,
): Promise<Readonly<{ adopted: Promise<void> }>> {
  const next = await adoptSome(deps, null)
  return { adopted: adoptRest(deps, next) }
}

async function adoptRest(deps: Deps, from: string | null): Promise<void> {
  for (let next = from; next !== null; ) next = await adoptSome(deps, next)
}

async function adoptSome(
  { lanes, writer }: Deps,
  from: string | null,
): Promise<string | null> {
  const adopted = await writer.submit<string | null, Refusal>({
    name: 'adopt_routes',
    key: null,
    ending: true,
    run: (tx, now) =>
      ok(
        tx.adoptRoutes(
          lanes.map(({ route }) => route),
          now,
          from,
        ),
      ),
  })
  return adopted.ok ? adopted.value : null
}

/** Begins what is due on every route. `told` resolves once all of them had their say; it never rejects. */
export async function beginDeliveries(
  deps: Deps,
): Promise<Readonly<{ begun: number; told: Promise<void> }>> {
  const claims = await Promise.all(
    deps.lanes.map(async (lane) => ({ lane, notices: await claim(deps, lane) })),
  )
  const told = claims.map(({ lane, notices }) => deliver(deps, lane, notices))
  return {
    begun: claims.reduce((sum, { notices }) => sum + notices.length, 0),
    told: Promise.all(told).then(() => undefined),
  }
}

/** Due notices, put off until their next try before this one begins: a crash between costs a delay. */
async function claim(deps: Deps, lane: NoticeLane): Promise<readonly Notice[]> {
  const { name } = lane.route
  const free = lane.free()
  if (free === 0 || deps.view().dueNotices(name, deps.clock.now(), 1).length === 0)
    return []
  const claimed = await deps.writer.submit<readonly Notice[], Refusal>({
    name: 'claim_notices',
    key: null,
    patient: true,
    ending: true,
    run: (tx, now) => {
      const notices = tx.dueNotices(name, now, free)
      for (const notice of notices)
        tx.noticeTried(notice.id, name, retryAt(now, attemptsOn(name, notice)))
      return ok(notices)
    },
  })
  return claimed.ok ? claimed.value : []
}

const attemptsOn = (name: string, { routes }: Notice): number =>
  routes.find(({ route }) => route === name)?.attempts ?? 0

/** Each is recorded as soon as it is told: one that hangs keeps none of the others waiting. */
async function deliver(
  deps: Deps,
  lane: NoticeLane,
  notices: readonly Notice[],
): Promise<void> {
  const { name } = lane.route
  await Promise.all(
    notices.map(async (notice) => {
      if (await lane.deliver(notice)) await recordDelivered(deps, name, notice.id)
    }),
  )
}

/** What could not be recorded as told is due again, and told twice. */
async function recordDelivered({ writer }: Deps, route: string, id: string): Promise<void> {
  const recorded = writer.submit<null, Refusal>({
    name: 'notice_delivered',
    key: null,
    patient: true,
    ending: true,
    run: (tx, now) => {
      tx.noticeDelivered(id, route, now)
      return ok(null)
    },
  })
  await recorded.then(Boolean, () => false)
}

/** 5 s, 10 s, 20 s ... at most 5 minutes apart, and without end. */
const retryAt = (now: Instant, attempts: number): Instant =>
  secondsAfter(now, Math.min(300, 5 * 2 ** Math.min(attempts, 6)))

/**
 * The one loop that makes things happen. Timers only wake it; every wake re-reads the clocks and the books and starts
 * whatever is due, so nothing is lost to a restart, a suspend, a clock that jumped or a control plane that is away.
 *
 * @module
 */
import type { Instant } from '@halligan/core'
import { attemptApply } from './apply-grant.ts'
import { type Clocks, millisLeft, mustEnd } from './deadline.ts'
import { type Attempt, attemptEnd, beginEnd, cleanUp } from './end-grant.ts'
import { createLane, type Lane, type LaneWidth } from './lane.ts'
import type { Place, Site } from './site.ts'
import { type Hold, holdIn, mayStand } from './state.ts'

export type Pace = Readonly<{
  /** The longest sleep while anything is held: how late a resume from suspend may notice (TM-04). */
  wakeMillis: number
  firstRetryMillis: number
  /** Retries go on for ever, never further apart than this. */
  retryCeilingMillis: number
  /** Jobs of different grants at once on one target. */
  laneWidth: number
}>

export const usualPace: Pace = {
  wakeMillis: 1000,
  firstRetryMillis: 250,
  retryCeilingMillis: 15_000,
  laneWidth: 4,
}

export type DueLoop = Readonly<{
  /** Looks now. Never throws: a broken promise goes to `onBroken`. */
  look(): void
  lane(target: string): Lane
  idle(): Promise<void>
  stop(): void
}>

type Retry = Readonly<{ attempts: number; notBefore: number }>

/** How far the wall clock may advance before its highest value is written down again. */
const wallGrainMillis = 5000

export function startDueLoop(
  site: Site,
  pace: Pace,
  onBroken: (error: unknown) => void,
  afterLook: () => void = () => {},
): DueLoop {
  const lanes = new Map<string, Lane>()
  const retries = new Map<string, Retry>()
  let cancel: (() => void) | null = null
  let stopped = false

  const broken = (error: unknown) => {
    stopped = true
    cancel?.()
    onBroken(error)
  }
  const lane = (target: string): Lane => {
    const known = lanes.get(target) ?? createLane(widthAt(site, target, pace), broken, look)
    lanes.set(target, known)
    return known
  }
  const start = (hold: Hold, work: Work, clocks: Clocks) => {
    const key = `${hold.target}/${hold.grant}/${work.kind}`
    const retry = retries.get(key)
    if (retry !== undefined && clocks.bootMillis < retry.notBefore) return
    lane(hold.target).run(hold.grant, work.kind === 'end', async () => {
      if (stopped) return
      const attempt = await work.run(site, hold)
      settle(site, hold, work, attempt, key)
    })
  }
  const settle = (at: Site, hold: Hold, work: Work, attempt: Attempt, key: string) => {
    if (attempt.kind === 'done') return void retries.delete(key)
    const attempts = (retries.get(key)?.attempts ?? 0) + 1
    const wait = Math.min(
      pace.firstRetryMillis * 2 ** Math.min(attempts - 1, 20),
      pace.retryCeilingMillis,
    )
    retries.set(key, { attempts, notBefore: at.clock.read().bootMillis + wait })
    const { grant, target } = hold
    at.log({
      level: 'warn',
      what: `${work.kind}_again`,
      grant,
      target,
      attempts,
      why: attempt.why,
    })
  }
  const look = () => {
    if (stopped) return
    try {
      cancel?.()
      const clocks = site.clock.read()
      const wait = lookOnce(site, clocks, (hold, work) => start(hold, work, clocks))
      // One that is past was started just now; its end looks again by itself.
      const retryWait = [...retries.values()]
        .map(({ notBefore }) => notBefore - clocks.bootMillis)
        .filter((millis) => millis > 0)
      const next = Math.min(pace.wakeMillis, wait, ...retryWait)
      cancel = site.scheduler.after(Math.max(1, next), look)
      afterLook()
    } catch (error) {
      broken(error)
    }
  }
  return {
    look,
    lane,
    idle: async () => {
      await Promise.all([...lanes.values()].map((each) => each.idle()))
    },
    stop() {
      stopped = true
      cancel?.()
    },
  }
}

function widthAt(site: Site, target: string, { laneWidth }: Pace): LaneWidth {
  const endsAtOnce = site.connectors.get(target)?.endsAtOnce ?? laneWidth
  return { shared: laneWidth, urgent: Math.max(laneWidth, endsAtOnce) }
}

type Work = Readonly<{
  kind: 'apply' | 'end' | 'clean'
  run(site: Site, place: Place): Promise<Attempt>
}>

const applying: Work = { kind: 'apply', run: attemptApply }
const ending: Work = { kind: 'end', run: attemptEnd }
const cleaning: Work = { kind: 'clean', run: cleanUp }

/** Starts all that is due at these clocks; answers how long until the next bound that they can see. */
function lookOnce(
  site: Site,
  clocks: Clocks,
  start: (hold: Hold, work: Work) => void,
): number {
  const highestWall = rememberWall(site, clocks)
  let wait = Number.POSITIVE_INFINITY
  for (const hold of endAllDue(site, clocks, highestWall)) {
    if (mayStand(hold)) wait = Math.min(wait, millisLeft(hold.bound, clocks))
    const work = workOf(hold)
    if (work !== null) start(hold, work)
  }
  return wait
}

/** Answers the highest wall clock from before this reading: against that it is judged. */
function rememberWall(site: Site, { wall }: Clocks): Instant {
  const highest = site.books.highestWall()
  if (wall > highest + wallGrainMillis) site.books.keepHighestWall(wall)
  return highest
}

/** Answers every unfinished hold. What is due is written down in one go, before anything is begun that rests on it. */
function endAllDue(site: Site, clocks: Clocks, highestWall: Instant): readonly Hold[] {
  const { books } = site
  const holds = books.unfinished()
  const due = holds.flatMap((hold) => {
    const cause = mayStand(hold) ? mustEnd(hold.bound, clocks, highestWall) : null
    return cause === null ? [] : [{ hold, cause }]
  })
  if (due.length === 0) return holds
  books.atomically(() => {
    for (const { hold, cause } of due) beginEnd(site, hold, cause)
  })
  return books.unfinished()
}

function workOf(hold: Hold): Work | null {
  if (holdIn(hold, 'accepted', 'applying')) return applying
  if (holdIn(hold, 'ending')) return ending
  return holdIn(hold, 'absent') && !hold.cleaned ? cleaning : null
}

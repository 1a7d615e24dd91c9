/**
 * The one loop that makes things happen. Timers only wake it; every wake re-reads the clocks and the books and starts
 * whatever is due, so nothing is lost to a restart, a suspend, a clock that jumped or a control plane that is away.
 *
 * @module
 */
import type { GrantId, Instant } from '@halligan/core'
import { attemptApply } from './apply-grant.ts'
import { type Clocks, millisLeft, mustEnd } from './deadline.ts'
import { type Attempt, attemptEnd, beginEnd, cleanUp } from './end-grant.ts'
import { createLane, type Lane, type LaneWidth } from './lane.ts'
import { type Backoff, createRetries } from './retries.ts'
import type { Place, Site } from './site.ts'
import { type Hold, holdIn, mayStand } from './state.ts'

export type Pace = Backoff &
  Readonly<{
    /** The longest sleep while anything is held: how late a resume from suspend may notice (TM-04). */
    wakeMillis: number
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
  lane(target: string): Lane<GrantId>
  idle(): Promise<void>
  stop(): void
}>

/** How far the wall clock may advance before its highest value is written down again. */
const wallGrainMillis = 5000

export function startDueLoop(
  site: Site,
  pace: Pace,
  onBroken: (error: unknown) => void,
  afterLook: () => void = () => {},
): DueLoop {
  const lanes = new Map<string, Lane<GrantId>>()
  const retries = createRetries(pace)
  const alarm = createAlarm(site, () => look())
  let stopped = false

  const broken = (error: unknown) => {
    stopped = true
    alarm.cancel()
    onBroken(error)
  }
  const lane = (target: string): Lane<GrantId> => {
    const width = widthAt(site, target, pace)
    const known =
      lanes.get(target) ??
      createLane<GrantId>(width, broken, (grant) => lookAt({ grant, target }))
    lanes.set(target, known)
    return known
  }
  const start = (hold: Hold, work: Work, clocks: Clocks) => {
    const retry = retries.of(hold, work.kind)
    if (retry !== null && clocks.bootMillis < retry.notBefore) return
    lane(hold.target).run(hold.grant, work.kind === 'end', async () => {
      if (stopped) return
      settle(hold, work, await work.run(site, hold))
    })
  }
  const settle = ({ grant, target }: Hold, { kind }: Work, attempt: Attempt) => {
    const place = { grant, target }
    if (attempt.kind === 'done') return retries.done(place, kind)
    const attempts = retries.failed(place, kind, site.clock.read())
    const what = `${kind}_again`
    site.log({ level: 'warn', what, ...place, attempts, why: attempt.why })
  }
  const guarded = (work: () => void) => {
    if (stopped) return
    try {
      work()
      afterLook()
    } catch (error) {
      broken(error)
    }
  }
  const look = () =>
    guarded(() => {
      alarm.cancel()
      const clocks = site.clock.read()
      const wait = lookOnce(site, clocks, (hold, work) => start(hold, work, clocks))
      alarm.within(Math.min(pace.wakeMillis, wait, retries.wait(clocks)), clocks)
    })
  /** What became of one grant is seen at once; all the others are as they were. */
  const lookAt = (place: Place) =>
    guarded(() => {
      const clocks = site.clock.read()
      const hold = site.books.hold(place.grant, place.target)
      if (mayStand(hold) && mustEnd(hold.bound, clocks, site.books.highestWall()) !== null)
        return look()
      if (mayStand(hold)) alarm.within(millisLeft(hold.bound, clocks), clocks)
      const work = workOf(hold)
      if (work === null) return
      start(hold, work, clocks)
      const retry = retries.of(place, work.kind)
      if (retry !== null) alarm.within(retry.notBefore - clocks.bootMillis, clocks)
    })
  return {
    look,
    lane,
    idle: async () => {
      await Promise.all([...lanes.values()].map((each) => each.idle()))
    },
    stop() {
      stopped = true
      alarm.cancel()
    },
  }
}

type Alarm = Readonly<{
  /** Wakes then at the latest; an earlier arrangement stands. */
  within(millis: number, clocks: Clocks): void
  cancel(): void
}>

function createAlarm({ scheduler }: Pick<Site, 'scheduler'>, wake: () => void): Alarm {
  let arranged: Readonly<{ at: number; cancel(): void }> | null = null
  const cancel = () => {
    arranged?.cancel()
    arranged = null
  }
  return {
    cancel,
    within(millis, { bootMillis }) {
      const wait = Math.max(1, millis)
      if (arranged !== null && arranged.at <= bootMillis + wait) return
      cancel()
      arranged = { at: bootMillis + wait, cancel: scheduler.after(wait, wake) }
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

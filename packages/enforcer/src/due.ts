/**
 * The one loop that makes things happen. Timers only wake it; every wake re-reads the clocks and the books and starts
 * whatever is due, so nothing is lost to a restart, a suspend, a clock that jumped or a control plane that is away.
 *
 * @module
 */
import type { EndsBacklog, Instant, Work } from '@halligan/core'
import { attemptRotate } from './accounts.ts'
import { attemptApply } from './apply-grant.ts'
import { type Attempt, again } from './attempt.ts'
import { type BacklogWatch, countOpenEnds, createBacklogWatch } from './backlog.ts'
import { createBeginning } from './begin-due.ts'
import { type Clocks, millisLeft, mustEnd } from './deadline.ts'
import { attemptEnd, cleanUp } from './end-grant.ts'
import { createLane, type Lane, type LaneWidth, type Turn } from './lane.ts'
import { grantOf, keyOf, type LaneKey, lookOver, workOf } from './look.ts'
import { type Backoff, createRetries, type Retries, type Retry } from './retries.ts'
import { rankOf } from './risk.ts'
import type { Place, Site } from './site.ts'
import { type Hold, holdIn, mayStand } from './state.ts'
import { BooksUnwritable } from './store/port.ts'
import { createStruggles, plainReason } from './struggle.ts'

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
  lane(target: string): Lane<LaneKey>
  /** Somebody asks for an end that is due already: it goes before all that are only due. */
  hurry(place: Place): void
  backlog(): EndsBacklog
  /** What is tried again and again for this hold, as it is now; null when its last try was well. */
  trouble(hold: Hold): Retry | null
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
  const retries = createRetries(pace)
  const backlog = createBacklogWatch(site.log)
  const settle = settling(site, retries, backlog)
  const alarm = createAlarm(site, () => look())
  const beginning = createBeginning(site, {
    begun: ({ grant, target }) =>
      start(site.books.hold(grant, target), 'end', site.clock.read()),
    ...{ over: () => look(), guarded: (work) => guarded(work) },
  })
  let stopped = false

  const stop = () => {
    stopped = true
    alarm.cancel()
    beginning.stop()
  }
  /** A disk that takes nothing is no broken promise: what rests on it is tried again, and endings go on (S-01). */
  const thrown = (error: unknown) => {
    if (error instanceof BooksUnwritable)
      return site.log({ level: 'alarm', what: 'books_unwritable', why: error.message })
    stop()
    onBroken(error)
  }
  const { lane, idle } = createLanes(site, pace, thrown, (place) => lookAt(place))
  const start = (hold: Hold, work: Work, clocks: Clocks) => {
    const retry = retries.of(hold, work)
    if (retry !== null && clocks.bootMillis < retry.notBefore) return
    const turn = turnOf(hold, work, retry)
    lane(hold.target).run(keyOf(hold.grant, work), turn, async () => {
      if (stopped) return
      await settle(hold, work, await tryOnce(site, hold, work))
    })
  }
  const isBusy = ({ grant, target }: Place, work: Work) =>
    lane(target).busyWith(keyOf(grant, work))
  const guarded = (work: () => void) => {
    if (stopped) return
    try {
      work()
      afterLook()
    } catch (error) {
      thrown(error)
    }
  }
  const look = () =>
    guarded(() => {
      alarm.cancel()
      const clocks = site.clock.read()
      const seen = lookOver(site, clocks, rememberWall(site, clocks), isBusy)
      backlog.watch(seen.endsOpen, clocks)
      beginning.begin(seen.due, clocks)
      for (const { hold, work } of seen.work) start(hold, work, clocks)
      const retry = onGrain(retries.wait(clocks), clocks)
      alarm.within(Math.min(pace.wakeMillis, seen.wait, retry), clocks)
    })
  /** What became of one grant is seen at once; all the others are as they were. */
  const lookAt = (place: Place) =>
    guarded(() => {
      const clocks = site.clock.read()
      const hold = site.books.hold(place.grant, place.target)
      if (mayStand(hold) && mustEnd(hold.bound, clocks, site.books.highestWall()) !== null)
        return look()
      if (mayStand(hold)) alarm.within(millisLeft(hold.bound, clocks), clocks)
      const work = workOf(site, hold)
      if (work === null) return
      start(hold, work, clocks)
      const retry = retries.of(place, work)
      if (retry === null) return
      alarm.within(onGrain(retry.notBefore - clocks.bootMillis, clocks), clocks)
    })
  return {
    look,
    lane,
    hurry: ({ grant, target }) => lane(target).hurry(keyOf(grant, 'end')),
    backlog: () => backlog.read(countOpenEnds(site), site.clock.read()),
    trouble(hold) {
      const work = workOf(site, hold)
      return work === null ? null : retries.of(hold, work)
    },
    idle,
    stop,
  }
}

/** One for each target. `afterEach` hears of every end of a job. */
function createLanes(
  site: Site,
  pace: Pace,
  thrown: (error: unknown) => void,
  afterEach: (place: Place) => void,
): Pick<DueLoop, 'lane' | 'idle'> {
  const lanes = new Map<string, Lane<LaneKey>>()
  return {
    lane(target) {
      const known =
        lanes.get(target) ??
        createLane<LaneKey>(widthAt(site, target, pace), thrown, (key) =>
          afterEach({ grant: grantOf(key), target }),
        )
      lanes.set(target, known)
      return known
    },
    idle: async () => {
      await Promise.all([...lanes.values()].map((each) => each.idle()))
    },
  }
}

function turnOf(hold: Hold, work: Work, retry: Retry | null): Turn {
  if (work === 'apply') return 'open'
  if (work !== 'end') return work
  const rank = holdIn(hold, 'ending') ? rankOf(hold) : 'due'
  return retry === null ? rank : `${rank} again`
}

type Settle = (hold: Hold, work: Work, attempt: Attempt) => Promise<void>

function settling(
  site: Site,
  retries: Retries,
  backlog: Pick<BacklogWatch, 'proven'>,
): Settle {
  const struggles = createStruggles(site)
  return async ({ grant, target }, work, attempt) => {
    const place = { grant, target }
    if (attempt.kind === 'done') {
      struggles.over(place)
      if (work === 'end') backlog.proven(site.clock.read())
      return retries.done(place, work)
    }
    // An apply that an ending has overtaken is tried no more.
    if (workOf(site, site.books.hold(grant, target)) !== work) return
    const why = plainReason(attempt.why)
    const retry = retries.failed(place, work, site.clock.read(), why)
    const { attempts } = retry
    site.log({ level: 'warn', what: `${work}_again`, ...place, attempts, why })
    await struggles.tell(place, retry)
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

/** Retries are looked for together, since a look costs the more the more is held. */
const retryGrainMillis = 100

const onGrain = (millis: number, { bootMillis }: Clocks): number =>
  Math.ceil((bootMillis + millis) / retryGrainMillis) * retryGrainMillis - bootMillis

/** Endings have as much room again as all else may fill: what opens or reads evidence slowly holds none of them up. */
function widthAt(site: Site, target: string, { laneWidth }: Pace): LaneWidth {
  const endsAtOnce = site.connectors.get(target)?.endsAtOnce ?? 0
  return { shared: laneWidth, urgent: Math.max(2 * laneWidth, endsAtOnce) }
}

const attempts: Readonly<Record<Work, (site: Site, place: Place) => Promise<Attempt>>> = {
  apply: attemptApply,
  end: attemptEnd,
  rotate: attemptRotate,
  clean: cleanUp,
}

async function tryOnce(site: Site, place: Place, work: Work): Promise<Attempt> {
  try {
    return await attempts[work](site, place)
  } catch (error) {
    if (error instanceof BooksUnwritable) return again(error.message)
    throw error
  }
}

/** Answers the highest wall clock from before this reading: against that it is judged. */
function rememberWall(site: Site, { wall }: Clocks): Instant {
  const highest = site.books.highestWall()
  if (!(wall > highest + wallGrainMillis)) return highest
  try {
    site.books.keepHighestWall(wall)
  } catch (error) {
    if (!(error instanceof BooksUnwritable)) throw error
    site.log({ level: 'alarm', what: 'books_unwritable', why: error.message })
  }
  return highest
}

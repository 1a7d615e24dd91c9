/**
 * The one loop that makes things happen. Timers only wake it; every wake re-reads the clocks and the books and starts
 * whatever is due, so nothing is lost to a restart, a suspend, a clock that jumped or a control plane that is away.
 *
 * @module
 */
import type { GrantId, Instant, Work } from '@halligan/core'
import { attemptRotate, exposedBy, mayRotate } from './accounts.ts'
import { attemptApply } from './apply-grant.ts'
import { type Attempt, again } from './attempt.ts'
import { beginEnds } from './begin-end.ts'
import { type Clocks, millisLeft, mustEnd } from './deadline.ts'
import { attemptEnd, cleanUp } from './end-grant.ts'
import { createLane, type Lane, type LaneWidth, type Turn } from './lane.ts'
import { type Backoff, createRetries, type Retries, type Retry } from './retries.ts'
import { byRisk, rankOf } from './risk.ts'
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
  /** What is tried again and again for this hold, as it is now; null when its last try was well. */
  trouble(hold: Hold): Retry | null
  idle(): Promise<void>
  stop(): void
}>

/**
 * A grant's ending waits for nothing else that is under way for it: what an `apply` that it overtakes may still do is awaited
 * before absence is believed, and not before the access is ended.
 */
export type LaneKey = GrantId | `end ${GrantId}`

const keyOf = (grant: GrantId, work: Work): LaneKey =>
  work === 'end' ? `end ${grant}` : grant

const grantOf = (key: LaneKey): GrantId => key.replace(/^end /, '') as GrantId

/** How far the wall clock may advance before its highest value is written down again. */
const wallGrainMillis = 5000

export function startDueLoop(
  site: Site,
  pace: Pace,
  onBroken: (error: unknown) => void,
  afterLook: () => void = () => {},
): DueLoop {
  const lanes = new Map<string, Lane<LaneKey>>()
  const retries = createRetries(pace)
  const settle = settling(site, retries)
  const alarm = createAlarm(site, () => look())
  let stopped = false

  const stop = () => {
    stopped = true
    alarm.cancel()
  }
  const broken = (error: unknown) => {
    stop()
    onBroken(error)
  }
  const lane = (target: string): Lane<LaneKey> => {
    const width = widthAt(site, target, pace)
    const known =
      lanes.get(target) ??
      createLane<LaneKey>(width, thrown, (key) => lookAt({ grant: grantOf(key), target }))
    lanes.set(target, known)
    return known
  }
  /** A disk that takes nothing is no broken promise: what rests on it is tried again, and endings go on (S-01). */
  const thrown = (error: unknown) => {
    if (!(error instanceof BooksUnwritable)) return broken(error)
    site.log({ level: 'alarm', what: 'books_unwritable', why: error.message })
  }
  const start = (hold: Hold, work: Work, clocks: Clocks) => {
    const retry = retries.of(hold, work)
    if (retry !== null && clocks.bootMillis < retry.notBefore) return
    const turn = turnOf(hold, work, retry)
    lane(hold.target).run(keyOf(hold.grant, work), turn, async () => {
      if (stopped) return
      await settle(hold, work, await tryOnce(site, hold, work))
    })
  }
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
      const work = workOf(site, hold)
      if (work === null) return
      start(hold, work, clocks)
      const retry = retries.of(place, work)
      if (retry !== null) alarm.within(retry.notBefore - clocks.bootMillis, clocks)
    })
  return {
    look,
    lane,
    hurry: ({ grant, target }) => lane(target).hurry(keyOf(grant, 'end')),
    trouble(hold) {
      const work = workOf(site, hold)
      return work === null ? null : retries.of(hold, work)
    },
    idle: async () => {
      await Promise.all([...lanes.values()].map((each) => each.idle()))
    },
    stop,
  }
}

function turnOf(hold: Hold, work: Work, retry: Retry | null): Turn {
  if (work === 'apply') return 'open'
  if (work !== 'end') return work
  const rank = holdIn(hold, 'ending') ? rankOf(hold) : 'due'
  return retry === null ? rank : `${rank} again`
}

type Settle = (hold: Hold, work: Work, attempt: Attempt) => Promise<void>

function settling(site: Site, retries: Retries): Settle {
  const struggles = createStruggles(site)
  return async ({ grant, target }, work, attempt) => {
    const place = { grant, target }
    if (attempt.kind === 'done') {
      struggles.over(place)
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

/** Starts all that is due at these clocks; answers how long until the next bound that they can see. */
function lookOnce(
  site: Site,
  clocks: Clocks,
  start: (hold: Hold, work: Work) => void,
): number {
  const highestWall = rememberWall(site, clocks)
  let wait = Number.POSITIVE_INFINITY
  const ends: Hold[] = []
  for (const hold of endAllDue(site, clocks, highestWall)) {
    if (mayStand(hold)) wait = Math.min(wait, millisLeft(hold.bound, clocks))
    const work = workOf(site, hold)
    if (work === 'end') ends.push(hold)
    else if (work !== null) start(hold, work)
  }
  for (const hold of ends.sort(byRisk(clocks))) start(hold, 'end')
  return wait
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

/** Answers every unfinished hold. What is due is written down in one go, before anything is begun that rests on it. */
function endAllDue(site: Site, clocks: Clocks, highestWall: Instant): readonly Hold[] {
  const { books } = site
  const holds = books.unfinished()
  const due = holds.flatMap((hold) => {
    const cause = mayStand(hold) ? mustEnd(hold.bound, clocks, highestWall) : null
    return cause === null ? [] : [{ place: hold, cause }]
  })
  if (due.length === 0) return holds
  beginEnds(site, due)
  return books.unfinished()
}

function workOf(site: Site, hold: Hold): Work | null {
  if (holdIn(hold, 'accepted', 'applying')) return 'apply'
  if (holdIn(hold, 'ending')) return 'end'
  if (!holdIn(hold, 'absent') || hold.cleaned) return null
  if (exposedBy(hold) === null) return 'clean'
  return mayRotate(site, hold) ? 'rotate' : null
}

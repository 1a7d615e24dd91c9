/**
 * One running control plane: log, use cases and endpoints put together. This is the only place where all of them
 * meet.
 *
 * @module
 */
import type { Instant, PrincipalId } from '@halligan/core'
import type { Crypto } from '@halligan/ledger'
import type { Hono } from 'hono'
import type { Logger } from 'pino'
import type { Config } from './config.ts'
import type { Disk } from './disk.ts'
import { actHandlers } from './http/act-handlers.ts'
import { askHandlers } from './http/ask-handlers.ts'
import { caseHandlers } from './http/case-handlers.ts'
import { enforcerHandlers } from './http/enforcer-handlers.ts'
import type { Handlers } from './http/handler.ts'
import { openHandlers } from './http/open-handlers.ts'
import { createRateCap } from './http/rate.ts'
import { readHandlers } from './http/read-handlers.ts'
import { serveAll } from './http/serve.ts'
import { createSessions } from './http/session.ts'
import { createStreamSlots } from './http/stream.ts'
import type { Journal } from './journal.ts'
import type { ServerKeys } from './keys.ts'
import { createNonces } from './nonce.ts'
import { hasSinglePageRoute, openLane } from './notify/lane.ts'
import { openRoutes } from './notify/open-routes.ts'
import type { RouteSetting } from './notify/routes-file.ts'
import { openLog, type RunningLog } from './open-log.ts'
import type { Clock, Net, Random, Scheduler } from './ports.ts'
import { recordedSource } from './sources/recorded.ts'
import { adoptRoutes } from './usecases/deliver-notices.ts'
import type { Deps } from './usecases/deps.ts'
import { createDuePace } from './usecases/due-pace.ts'
import { createInForce } from './usecases/in-force.ts'
import { createRefusalTally } from './usecases/record-refusal.ts'
import { runDueWork } from './usecases/run-due-work.ts'
import { createStuckWork } from './usecases/stuck-work.ts'
import { createEndsLooks } from './usecases/watch-ends.ts'

export type InstanceOptions = Readonly<{
  config: Config
  keys: ServerKeys
  /** Of the roster's current log, as the operator's folder remembers it (ST-07). */
  origin: string
  crypto: Crypto
  clock: Clock
  random: Random
  scheduler: Scheduler
  /** Absent: this machine's. */
  disk?: Disk
  /** See `openLog`. */
  mostVerifiedFirst?: number
  /** Outgoing requests, with the private hosts that may be reached (WB-07). */
  netTo: (allowed: ReadonlySet<string>) => Net
  log: Logger
  leaveSafeMode: Deps['leaveSafeMode']
}>

export type Instance = Readonly<{
  app: Hono
  ledger: RunningLog
  /** Before anything is closed: whoever listens is told that there is no more. */
  endStreams(): void
  close(): Promise<void>
}>

/** Opens the log and everything over it. Throws what `openLog` throws. */
export async function openInstance(options: InstanceOptions): Promise<Instance> {
  const { config, keys, origin, crypto, scheduler, log } = options
  const ledger = await openLog({
    folder: config.dir,
    anchorPath: config.anchor,
    origin,
    signer: keys.log,
    crypto,
    clock: options.clock,
    scheduler,
    ...(options.disk === undefined ? {} : { disk: options.disk }),
    ...(options.mostVerifiedFirst === undefined
      ? {}
      : { mostVerifiedFirst: options.mostVerifiedFirst }),
  })
  const deps = depsOf(options, ledger)
  ledger.safeMode.onChange(({ kind, cause, detail }) =>
    log.warn({ cause, detail }, `SAFE MODE ${kind}`),
  )
  for (const { cause, detail } of ledger.safeMode.causes())
    log.error({ cause, detail }, 'started in SAFE MODE')
  const stopping = new AbortController()
  const app = appOf(options, ledger, deps, stopping.signal)
  warnOfSingleRoute(deps, log)
  const { adopted } = await adoptRoutes(deps)
  adopted.catch((err: unknown) => log.error({ err }, 'notices keep their old routes'))
  const stopWork = workWhenDue(deps, scheduler, log)
  return {
    app,
    ledger,
    endStreams: () => stopping.abort(),
    async close() {
      await stopWork()
      await ledger.close()
    },
  }
}

/** Nobody hears of a page when the one thing that its routes depend on fails. */
function warnOfSingleRoute({ lanes }: Deps, log: Logger): void {
  const routes = lanes.map(({ route }) => route)
  if (hasSinglePageRoute(routes))
    log.warn(
      { routes: routes.map(({ name }) => name) },
      'pages have no second, independent route: add one in routes.json',
    )
}

function depsOf(options: InstanceOptions, ledger: RunningLog): Deps {
  const { keys, crypto } = options
  const view = () => ledger.store.view()
  const clock = { now: () => ledger.clock.now() }
  return {
    writer: ledger.writer,
    view,
    crypto,
    clock,
    random: options.random,
    issuer: keys.issuer,
    nonces: createNonces(options.random, keys.mac),
    inForce: createInForce(crypto),
    sources: [recordedSource('act', view), recordedSource('webhook', view)],
    lanes: lanesOf(options, clock),
    refusals: createRefusalTally(),
    ends: createEndsLooks(),
    leaveSafeMode: options.leaveSafeMode,
  }
}

/** The plain webhook of `notice-url`, and what `routes.json` says. */
function lanesOf(
  { config, keys, netTo, scheduler }: InstanceOptions,
  clock: Deps['clock'],
): Deps['lanes'] {
  const { noticeUrl: url, noticePrivate, routes } = config
  const plain: readonly RouteSetting[] =
    url === null
      ? []
      : [
          {
            name: 'notice-url',
            takes: 'all',
            kind: 'webhook',
            url,
            secret: keys.noticeSecret,
            private: noticePrivate,
          },
        ]
  return openRoutes([...plain, ...routes], { netTo, clock }).map((route) =>
    openLane(route, scheduler),
  )
}

function appOf(
  options: InstanceOptions,
  ledger: RunningLog,
  deps: Deps,
  stopping: AbortSignal,
): Hono {
  const { config, keys, crypto, scheduler, log } = options
  const { limits } = config
  const cap = (rate: typeof limits.session) => createRateCap(options.clock, rate)
  const sessions = createSessions(crypto, options.random, keys.mac)
  const all = {
    ...deps,
    scheduler,
    sessions,
    log: ledger,
    journal: wholeJournal(ledger),
    safeMode: ledger.safeMode,
    check: ledger.check,
    incidentSecret: keys.incidentSecret,
    prepareCap: cap(limits.prepare),
    checkCap: cap(limits.prepare),
    whatIfCap: cap(limits.whatIf),
    logWhatIf: (by: PrincipalId, about: PrincipalId) => log.info({ by, about }, 'what if'),
  }
  const handlers: Handlers = {
    ...openHandlers(all),
    ...readHandlers(all),
    ...askHandlers(all),
    ...actHandlers(all),
    ...caseHandlers(all),
    ...enforcerHandlers(all),
  }
  return serveAll(handlers, {
    clock: { ...options.clock, ...deps.clock },
    crypto,
    sessions,
    roster: () => deps.inForce.roster(deps.view()).roster,
    sessionCap: cap(limits.session),
    addressCap: cap(limits.address),
    streams: createStreamSlots(),
    stopping,
    count: deps.refusals.count,
    log: (line, fault) =>
      fault === undefined ? log.info(line, 'answered') : log.error({ ...line, err: fault }),
  })
}

/**
 * What was journalled, in this life of the log and in those before: an end that its enforcer had not heard of when
 * SAFE MODE was left is still delivered. Imports are only ever made before the log is opened.
 */
function wholeJournal({ store, journal, safeMode }: RunningLog): Pick<Journal, 'lines'> {
  const imported = safeMode.contradicted() ? [] : store.view().importedLines()
  return { lines: () => [...imported, ...journal.lines()] }
}

/** Longer than this nothing waits that has become due while nobody looked. */
const mostIdleMillis = 1000

/** Between two tries of what could not be done just now. */
const stuckMillis = 100

/** Due work is read from the store; the timer only says when to look again (K-10). Stopping looks a last time. */
function workWhenDue(deps: Deps, scheduler: Scheduler, log: Logger): () => Promise<void> {
  let stopped = false
  let cancel = () => {}
  let running: Promise<void> = Promise.resolve()
  const stuck = createStuckWork()
  const pace = createDuePace()

  const work = async () => {
    let wait = mostIdleMillis
    try {
      const { done, faults } = await runDueWork(deps, stuck, pace)
      for (const err of faults) log.error({ err }, 'due work failed and stays due')
      wait = waitFor(deps.view().nextDue(), done)
    } catch (err) {
      log.error({ err }, 'due work failed and stays due')
    }
    if (!stopped) cancel = scheduler.after(wait, again)
  }
  const again = () => {
    running = work()
  }
  /** As long as something gets done there is no pause; what SAFE MODE or a full disk keeps due keeps no processor busy. */
  const waitFor = (due: Instant | null, done: number): number => {
    if (done > 0) return 0
    if (due === null) return mostIdleMillis
    const wait = due - deps.clock.now()
    return wait > 0 ? Math.min(mostIdleMillis, wait) : stuckMillis
  }
  again()
  return async () => {
    stopped = true
    cancel()
    await running
    await work()
  }
}

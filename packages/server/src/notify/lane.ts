import type { Scheduler } from '../ports.ts'
import type { AlertRoute, Notice } from '../store/port.ts'
import type { NoticeSink } from './sink.ts'

/** A configured way out. */
export type NoticeRoute = AlertRoute &
  Readonly<{
    kind: 'webhook' | 'command' | 'file'
    /** What it depends on: two routes with the same one fail together. */
    means: string
    sink: NoticeSink
    /** Deliveries under way at one time. */
    mostAtOnce: number
  }>

/** One route at work. It never has more under way than it may, and none for ever (INV-25). */
export interface NoticeLane {
  readonly route: NoticeRoute
  /** How many more it could begin now. */
  free(): number
  /** False for what was not delivered, for whatever reason. Never rejects. */
  deliver(notice: Notice): Promise<boolean>
}

/** A route's own time limits come first; this one is for what ignores them. */
const mostMillis = 30_000

export function openLane(
  route: NoticeRoute,
  scheduler: Pick<Scheduler, 'after'>,
): NoticeLane {
  let underWay = 0
  const withinTime = (notice: Notice): Promise<boolean> =>
    new Promise((resolve) => {
      const cancel = scheduler.after(mostMillis, () => resolve(false))
      const settle = (delivered: boolean) => {
        cancel()
        resolve(delivered)
      }
      route.sink.deliver(notice).then(settle, () => settle(false))
    })
  return {
    route,
    free: () => Math.max(0, route.mostAtOnce - underWay),
    async deliver(notice) {
      underWay += 1
      try {
        return await withinTime(notice)
      } finally {
        underWay -= 1
      }
    },
  }
}

/** Whether one fault can silence every page: fewer than two routes that depend on different things. */
export const hasSinglePageRoute = (
  routes: readonly Pick<NoticeRoute, 'means'>[],
): boolean => new Set(routes.map(({ means }) => means)).size < 2

import type { StatusAnswer } from '@halligan/contract'
import type { ReadGrant } from '@halligan/sdk'
import { counted } from './counted.ts'
import type { Rows } from './statement.ts'
import { visibleName } from './visible.ts'

/** While a page about a grant has not gone by each of its routes, everyone who looks is told (AC-04, X-05). */
export function alertRows({ notices }: Pick<ReadGrant, 'notices'>): Rows {
  const pages = notices.map(asNotice).filter(isWaitingPage)
  if (pages.length === 0) return []
  const routes = pages.flatMap(({ routes }) =>
    routes.filter(({ deliveredAt, gone }) => deliveredAt === null && !gone),
  )
  const byRoute = Map.groupBy(routes, ({ route }) => route)
  const unheard = pages.filter(reachedNobody).length
  return [
    ...(unheard > 0
      ? [['ALERT PENDING', `${counted(unheard, 'page')} reached nobody yet`] as const]
      : []),
    ...[...byRoute].map(
      ([route, waiting]) =>
        [
          'ALERT PENDING',
          `${visibleName(route)}: ${counted(waiting.length, 'page')} not taken yet`,
        ] as const,
    ),
  ]
}

/** The same for the whole estate, and the word that one fault could silence every page. */
export function estateAlertRows({ routes, singleRoute }: StatusAnswer['alerts']): Rows {
  return [
    ...(singleRoute
      ? [['ALERTS', 'pages have no second, independent route (docs/server.md)'] as const]
      : []),
    ...routes
      .filter(({ pages }) => pages > 0)
      .map(
        ({ route, pages }) =>
          [
            'ALERT PENDING',
            `${visibleName(route)}: ${counted(pages, 'page')} not taken yet`,
          ] as const,
      ),
  ]
}

type Notice = Readonly<{
  deliveredAt: number | null
  payload: Readonly<{ urgency?: string }>
  routes: readonly Readonly<{
    route: string
    deliveredAt: number | null
    gone: boolean
  }>[]
}>

/** The transport has checked its shape. */
const asNotice = (notice: ReadGrant['notices'][number]): Notice =>
  notice as unknown as Notice

const isWaitingPage = ({ deliveredAt, payload }: Notice): boolean =>
  deliveredAt === null && payload.urgency === 'page'

const reachedNobody = ({ routes }: Notice): boolean =>
  routes.every(({ deliveredAt }) => deliveredAt === null)

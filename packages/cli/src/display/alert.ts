import type { ReadGrant } from '@halligan/sdk'
import { counted } from './counted.ts'
import type { Rows } from './statement.ts'

/** Who opens a door alone is seen to have done so: while pages about it reached nobody, everyone who looks is told (AC-04). */
export function alertRows({ grant, notices }: Pick<ReadGrant, 'grant' | 'notices'>): Rows {
  const unheard = notices.filter(isUnheardPage).length
  if (grant.terms.route.approvals > 0 || unheard === 0) return []
  return [['ALERT PENDING', `${counted(unheard, 'page')} reached nobody yet`]]
}

type Notice = ReadGrant['notices'][number]

/** The transport has checked its shape. */
const isUnheardPage = (notice: Notice): boolean => {
  const { deliveredAt, payload } = notice as Readonly<{
    deliveredAt: number | null
    payload: Readonly<{ urgency?: string }>
  }>
  return deliveredAt === null && payload.urgency === 'page'
}

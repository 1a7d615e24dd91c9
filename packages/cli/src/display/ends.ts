import type { StatusAnswer } from '@halligan/contract'
import { counted } from './counted.ts'
import { duration } from './duration.ts'
import type { Rows } from './statement.ts'

/** What has ended and is not proven, and how long that will take at the rate of the last minute. */
export function endsRows({
  endsOpen,
  provenPerMinute,
  etaSeconds,
}: StatusAnswer['ends']): Rows {
  if (endsOpen === 0) return []
  const when =
    etaSeconds === null
      ? 'none proven lately'
      : `done in about ${duration(etaSeconds * 1000)}`
  return [['ENDING', `${endsOpen} not proven absent, ${provenPerMinute} a minute, ${when}`]]
}

/** What did not end, or was not rotated, in its time. Nothing to say is not said. */
export const overdueRows = ({
  overdue,
  rotationsOverdue,
}: Pick<StatusAnswer['grants'], 'overdue' | 'rotationsOverdue'>): Rows => [
  ...(overdue > 0
    ? [['OVERDUE', `${counted(overdue, 'grant')} not proven absent in time`] as const]
    : []),
  ...(rotationsOverdue > 0
    ? [
        [
          'OVERDUE',
          `${counted(rotationsOverdue, 'grant')} with a shared secret not rotated`,
        ] as const,
      ]
    : []),
]

import type { Roster } from '@halligan/core'
import { clockTime } from './duration.ts'
import { list } from './table.ts'
import { visible, visibleName } from './visible.ts'

/** Every line of the roster: a trustee signs all of it. */
export function rosterText(roster: Roster): string {
  const { trustees, threshold, logs, issuers, people, approverGroups, enforcers } = roster
  return list([
    ['estate', `${visibleName(roster.estate)}, version ${roster.version}`],
    ['after', roster.prevDigest ?? 'nothing: this is the first'],
    ['threshold', `${threshold} of ${trustees.length} trustees sign the next version`],
    ...trustees.map(({ person, keyId }) => row('trustee', person, keyId)),
    ...people.flatMap(({ person, kind, owner, keys }) => [
      row(kind, person, owner === undefined ? '' : `owned by ${visibleName(owner)}`),
      ...keys.map(({ keyId, approvesFrom }) =>
        row(
          '  key',
          keyId,
          approvesFrom > 0 ? `approves from ${clockTime(approvesFrom)}` : '',
        ),
      ),
    ]),
    ...Object.entries(approverGroups).map(([group, members]) =>
      row('approvers', group, members.map(visibleName).join(', ')),
    ),
    ...enforcers.map(({ id, keyId, targets }) =>
      row(
        'enforcer',
        id,
        `${visibleName(keyId)} for ${targets.map(visibleName).join(', ')}`,
      ),
    ),
    ...issuers.map(({ keyId, retiredAt }) =>
      row('issuer', keyId, retiredAt === undefined ? '' : `retired at ${retiredAt.size}`),
    ),
    ...logs.map(({ origin, vkey, fromSize, toSize }) =>
      row(
        'log',
        origin,
        `${visible(vkey)} from ${fromSize}${toSize === undefined ? '' : ` to ${toSize}`}`,
      ),
    ),
  ])
}

const row = (label: string, name: string, rest: string): readonly [string, string] => [
  label,
  `${visibleName(name)} ${rest}`.trimEnd(),
]

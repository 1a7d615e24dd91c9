/**
 * The truth about each target of a grant, in words. What was proven is named with its proof, and what was not is never
 * worded as if it were.
 *
 * @module
 */
import { isSettled, owesRotation, type ProbeResult, type TargetState } from '@halligan/core'
import { clockTime } from './duration.ts'
import type { Rows, Texts } from './statement.ts'
import { visible, visibleName } from './visible.ts'

/** Some rows for one target. `texts` opens the reason of what cannot be done. */
export const targetRows = (target: TargetState, texts: Texts): Rows => [
  ['state', [visibleName(target.target), stateWords(target)].join(': ')],
  ...absenceRow(target),
  ...troubleRow(target, texts),
  ...secretRow(target),
  ...attestorsRow(target),
]

/** One short phrase, for a line. */
export function stateWords(target: TargetState): string {
  const { phase, overdue, attested } = target
  const trouble = target.trouble === null ? '' : `, attempt ${target.trouble.attempts}`
  const late =
    overdue === null || isSettled(target)
      ? ''
      : `, OVERDUE since ${clockTime(overdue.since)}`
  const vouched =
    attested && phase !== 'absent' ? ', attested by two, not probed absent' : ''
  return `${phaseWords[phase]}${trouble}${late}${vouched}`
}

const phaseWords: Readonly<Record<TargetState['phase'], string>> = {
  ordered: 'ordered',
  applied: 'applied',
  unknown: 'unknown, counts as applied',
  revoking: 'revoking',
  absent: 'absent',
  refused: 'refused, nothing was applied',
}

function absenceRow({ absence }: TargetState): Rows {
  if (absence === null) return []
  const already = absence.alreadyAbsent ? ', and was gone before it was ended' : ''
  return [
    ['absent', `probed ${clockTime(absence.at)} by ${namesOf(absence.probes)}${already}`],
  ]
}

function troubleRow({ trouble }: TargetState, texts: Texts): Rows {
  if (trouble === null) return []
  const { work, attempts, at, reasonCommitment } = trouble
  const why = reasonText(reasonCommitment, texts)
  return [
    ['tried', `${workWords[work]} ${attempts} times, last told ${clockTime(at)}: ${why}`],
  ]
}

const workWords: Readonly<Record<NonNullable<TargetState['trouble']>['work'], string>> = {
  apply: 'to apply',
  end: 'to end',
  rotate: 'to rotate',
  clean: 'to clean up',
}

/** Enough of an error to know it by; the whole is in `review show` and in `--json`. */
const mostReason = 300

export function reasonText(commitment: string, texts: Texts): string {
  const text = texts.get(commitment)
  if (text === undefined) return `its reason never came; ${visible(commitment)}`
  if (text === null) return `erased; ${visible(commitment)}`
  const characters = [...text]
  const rest = characters.length - mostReason
  const cut = visible(characters.slice(0, mostReason).join(''))
  return rest > 0 ? `"${cut}" and ${rest} characters more` : `"${cut}"`
}

function secretRow(target: TargetState): Rows {
  const { exposure, shared, rotation, rotationOverdue } = target
  if (exposure === 'none') return []
  const kind = shared ? 'of a shared account' : 'of this grant alone'
  if (rotation !== null)
    return [
      [
        'secret',
        `${kind}, rotated ${clockTime(rotation.at)}, shown by ${namesOf(rotation.probes)}`,
      ],
    ]
  if (exposure === 'rotated') return [['secret', `${kind}, dead with it`]]
  if (rotationOverdue === null || !owesRotation(target))
    return [['secret', `${kind}, EXPOSED`]]
  const since = clockTime(rotationOverdue.since)
  return [['secret', `${kind}, EXPOSED, NOT ROTATED in time, OVERDUE since ${since}`]]
}

function attestorsRow({ attestors, attested }: TargetState): Rows {
  if (attestors.length === 0) return []
  const who = attestors.map(visibleName).join(' and ')
  return [['attested', attested ? `by ${who}` : `by ${who}; one more person is needed`]]
}

export const namesOf = (probes: readonly ProbeResult[]): string =>
  probes.map(({ probe }) => visibleName(probe)).join(', ')

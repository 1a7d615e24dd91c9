/**
 * What a receiver may answer, field by field. An unknown or missing field is no answer: the call throws, and nothing follows.
 *
 * @module
 */
import { type GrantId, type Instant, type ProbeResult, parseGrantId } from '@halligan/core'
import { isCount, isRecord, isTexts, strictFields } from '../strict-fields.ts'
import type { Applied, Credential } from './port.ts'
import type { Fields } from './webhook-call.ts'

const isInstant = isCount(0)
const isFlag = (value: unknown): boolean => typeof value === 'boolean'

const isCredential = (value: unknown): value is Credential =>
  isRecord(value) &&
  Object.entries(value).every(
    ([name, text]) => /^[A-Z][A-Z0-9_]{0,63}$/.test(name) && typeof text === 'string',
  )

const isProbe = (value: unknown): boolean =>
  isRecord(value) &&
  Object.keys(value).length === 2 &&
  typeof value.probe === 'string' &&
  /^[a-z][a-z0-9_]{0,63}$/.test(value.probe) &&
  isFlag(value.absent)

/** None at all would show nothing. */
const isProbes = (value: unknown): boolean =>
  Array.isArray(value) && value.length > 0 && value.length <= 32 && value.every(isProbe)

const isGrants = (value: unknown): boolean =>
  Array.isArray(value) && value.every((id) => typeof id === 'string' && parseGrantId(id).ok)

export const nothing = (answer: Fields): void => void strictFields('answer', answer, {})

export function applied(answer: Fields): Applied {
  if (answer.outcome === 'too_late') {
    const { now } = strictFields('answer', answer, {
      outcome: (value) => value === 'too_late',
      now: isInstant,
    })
    return { kind: 'too_late', targetNow: now as Instant }
  }
  const { credential } = strictFields('answer', answer, {
    outcome: (value) => value === 'applied',
    credential: isCredential,
  })
  return { kind: 'applied', credential: credential as Credential }
}

export const resealed = (answer: Fields): Credential =>
  strictFields('answer', answer, { credential: isCredential }).credential as Credential

/** `present`: the access stands. `probes`: the readings by which the receiver says what it says. */
export function probed(answer: Fields) {
  const { present, probes, now } = strictFields('answer', answer, {
    present: isFlag,
    probes: isProbes,
    now: isInstant,
  })
  const readings = probes as readonly Omit<ProbeResult, 'at'>[]
  return {
    present: present === true,
    probes: readings.map((reading) => ({ ...reading, at: now as Instant })),
  }
}

export const objects = (answer: Fields): readonly string[] =>
  (strictFields('answer', answer, { objects: isTexts }).objects as string[]).toSorted()

export const grants = (answer: Fields): readonly GrantId[] =>
  strictFields('answer', answer, { grants: isGrants }).grants as readonly GrantId[]

/** How long the receiver keeps the target for this enforcer without hearing of it. */
export const leaseSeconds = (answer: Fields): number =>
  Number(strictFields('answer', answer, { leaseSeconds: isCount(1) }).leaseSeconds)

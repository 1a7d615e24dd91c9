import type { Facts } from '@halligan/core'
import { describe, expect, it } from 'vitest'
import { bundleOf, exampleFiles, facts } from '../test/situation.ts'
import { noIncident } from './trial.ts'

const example = bundleOf(exampleFiles)

const opensIf = (given: Facts, route: string) =>
  example.explain(given).closed.find((closed) => closed.route === route)?.opensIf

describe('an explanation', () => {
  it('says what would open each closed route', () => {
    expect(opensIf({ ...facts, incident: noIncident }, 'quorum')).toEqual([
      'an open incident of severity 3 or worse on payments-db',
    ])
    expect(opensIf({ ...facts, incident: noIncident }, 'solo')).toEqual([
      'an open incident of severity 1 on payments-db',
      'an incident of severity 2 or worse on payments-db, open for 10 minutes',
    ])
  })

  it('RV-07 offers the shorter life and the review', () => {
    const overdue = { ...facts, reviews: { open: 1, overdue: 1 } }
    expect(opensIf(overdue, 'solo')).toEqual([
      'a life of at most 300 seconds',
      'every overdue review closed',
    ])
    expect(opensIf(overdue, 'quorum')).toEqual(['every overdue review closed'])
  })

  it('asks for a fresh signature where one is missing', () => {
    const stepUp = { ...facts.stepUp, kind: 'none' } as const
    expect(opensIf({ ...facts, stepUp }, 'solo')).toEqual([
      'a fresh signature with a device key',
    ])
  })

  it('names the hour at which a door opens', () => {
    const night = { zone: 'Europe/Berlin', weekday: 6, minuteOfDay: 3 }
    const incident = { ...facts.incident, severity: 3 }
    const given = { ...facts, entitlement: 'payments-db-admin', incident, time: night }
    expect(opensIf(given, 'quorum')).toEqual([
      'an open incident of severity 2 or worse on payments-db',
      'waiting until Monday 08:00 in Europe/Berlin',
    ])
  })

  it('names two things together when one is not enough', () => {
    const given = { ...facts, lifeSeconds: 1800, incident: noIncident }
    expect(opensIf(given, 'solo')?.[0]).toBe(
      'an open incident of severity 1 on payments-db, and a life of at most 900 seconds',
    )
  })

  it('offers nothing that would not help', () => {
    const requester = { ...facts.requester, groups: [], onCallFor: [] }
    const { closed } = example.explain({ ...facts, requester })
    expect(closed.map((route) => route.opensIf)).toEqual([[], []])
  })

  it('INV-19 changes nothing of the ruling itself', () => {
    const given = { ...facts, lifeSeconds: 1800 }
    const { open, closed } = example.explain(given)
    const plain = example.rule(given)
    expect(open).toEqual(plain.open)
    expect(closed.map(({ opensIf: _, ...rest }) => rest)).toEqual(plain.closed)
  })
})

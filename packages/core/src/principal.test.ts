import { describe, expect, test } from 'vitest'
import { floorForbids } from './floor.ts'
import { parseGrantId, parsePrincipalId } from './id.ts'
import { accountablePerson, closureOf, type Directory } from './principal.ts'
import { ada, bob, facts, quorumOf, robo } from './testing.ts'

const person = (name: string) => name as typeof ada
const directory: Directory = new Map(
  [
    { person: ada, kind: 'human' },
    { person: bob, kind: 'human' },
    { person: robo, kind: 'agent', owner: ada },
    { person: person('robo-key'), kind: 'api_key', owner: robo },
    { person: person('orphan'), kind: 'agent', owner: person('left') },
    { person: person('snake'), kind: 'agent', owner: person('tail') },
    { person: person('tail'), kind: 'agent', owner: person('snake') },
  ].map((principal) => [principal.person, { ...principal, keys: [] } as never]),
)

describe('the person who answers', () => {
  test.each([
    [ada, ada],
    [robo, ada],
    [person('robo-key'), ada],
    [person('orphan'), undefined],
    [person('snake'), undefined],
    [person('nobody'), undefined],
  ])('for %s is %s', (id, human) => expect(accountablePerson(directory, id)).toBe(human))

  test('AP-02 INV-4 everything that one person owns is one requester', () => {
    expect(closureOf(directory, ada)).toEqual(['ada', 'robo', 'robo-key'])
    expect(closureOf(directory, robo)).toEqual(['ada', 'robo', 'robo-key'])
    expect(closureOf(directory, robo, [bob])).toEqual(['ada', 'bob', 'robo', 'robo-key'])
  })
})

describe('ID-01 ID-02 one principal has one spelling', () => {
  test.each(['ada', 'deploy-bot', 'a1.b2'])('%s is an id', (id) =>
    expect(parsePrincipalId(id).ok).toBe(true),
  )

  test.each([
    'Ada',
    'ADA ',
    'ada\u00a0',
    'bo\u200bb',
    '\u212Aate',
    'İ',
    'ﬀ',
    '',
    'ada/',
    '../ada',
    'ada%2f',
    'a--b',
    '__proto__',
    'a'.repeat(65),
  ])('%j is refused, not repaired', (id) =>
    expect(parsePrincipalId(id)).toMatchObject({
      ok: false,
      error: { code: 'malformed_id' },
    }),
  )

  test('a grant id is exactly 16 random bytes', () => {
    expect(parseGrantId(`g-${'a'.repeat(26)}`).ok).toBe(true)
    expect(parseGrantId(`g-${'a'.repeat(25)}`).ok).toBe(false)
    expect(parseGrantId(`G-${'a'.repeat(26)}`).ok).toBe(false)
  })
})

describe('the hard floor', () => {
  const agent = { ...facts, requester: { ...facts.requester, kind: 'agent' as const } }
  test.each<[string, Parameters<typeof floorForbids>, RegExp]>([
    [
      'a quorum of nobody',
      [{ ...quorumOf(1), approvals: 0 }, facts],
      /at least one approval/,
    ],
    ['INV-23 a workload going solo', [quorumOf(0), agent], /human approval/],
    [
      'a workload longer than ten minutes',
      [quorumOf(1), { ...agent, lifeSeconds: 601 }],
      /over 600/,
    ],
    [
      'a life over four hours',
      [
        { ...quorumOf(1), maxLifeSeconds: 10 ** 6 },
        { ...facts, lifeSeconds: 14_401 },
      ],
      /over 14400/,
    ],
    [
      'a sixth grant at once',
      [
        quorumOf(1),
        { ...facts, activeOrPending: { count: 5, totalSeconds: 0, onSystem: 0 } },
      ],
      /5 grants/,
    ],
    ['half an approval', [quorumOf(0.5), facts], /whole number/],
  ])('forbids %s', (_, [route, given], reason) =>
    expect(floorForbids(route, given).join('; ')).toMatch(reason),
  )

  test('lets an ordinary request pass', () =>
    expect(floorForbids(quorumOf(1), facts)).toEqual([]))
})

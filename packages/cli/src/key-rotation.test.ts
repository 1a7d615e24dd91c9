import type { KeyId, Roster } from '@halligan/core'
import { expect, test } from 'vitest'
import { hasTakenOver } from './key-rotation.ts'

const [old, next]: readonly KeyId[] = ['ed25519:0' as KeyId, 'ed25519:1' as KeyId]

const roster = (keys: readonly unknown[], trustee: unknown) =>
  ({
    people: [{ person: 'bob', kind: 'human', keys: keys.map((keyId) => ({ keyId })) }],
    trustees: [{ person: 'bob', keyId: trustee, key: 'AA' }],
  }) as unknown as Roster

test.each<[string, Roster, boolean]>([
  ['is not in the roster yet', roster([old], old), false],
  ['cools down beside the old one, which still approves', roster([old, next], old), false],
  [
    'is a key of the person, but the trustee is still the old one',
    roster([next], old),
    false,
  ],
  ['stands alone', roster([next], next), true],
])(
  'a rotated key is taken into use only once it stands alone: it %s',
  (_, latest, taken) => {
    expect(hasTakenOver(latest, String(old), String(next))).toBe(taken)
  },
)

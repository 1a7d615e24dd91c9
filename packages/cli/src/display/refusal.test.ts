import { describe, expect, test } from 'vitest'
import type { CliRefusal } from '../refusal.ts'
import { refusalText } from './refusal.ts'

const grant = `g-${'a'.repeat(26)}`
const refused = (code: string, facts: object): CliRefusal => ({
  kind: 'refused',
  status: 409,
  code,
  title: 'Mallory says',
  next: 'run `halligan approve GRANT`',
  detail: '',
  problem: { code, ...facts },
})

describe('a refusal', () => {
  test('names the grant of the command line in what to type next', () => {
    expect(refusalText(refused('wrong_phase', { phase: 'pending' }), grant)).toBe(
      `Refused (wrong_phase): The grant is in another phase.
  phase: pending
Next: Read the grant again: \`halligan status ${grant}\`.`,
    )
  })

  test('says which field does not fit, in words and not in JSON', () => {
    const issues = [{ path: 'lifeSeconds', reason: 'too_big' }]
    expect(refusalText(refused('malformed_request', { issues }))).toContain(
      '\n  lifeSeconds: too_big\n',
    )
  })

  test.each(['revoke', 'return'])(
    'no answer to %s names the way without a server',
    (verb) => {
      const silent: CliRefusal = {
        kind: 'unreachable',
        code: 'unreachable',
        detail: 'refused',
      }
      const text = refusalText(silent, grant, verb)
      expect(text).toContain(`halligan ${verb} ${grant} --out FILE`)
      expect(text).toContain('halligan enforcer end --dir DIR --act FILE')
      expect(refusalText(silent, grant, 'approve')).not.toContain('--out')
    },
  )

  test('lists reasons as words', () => {
    const reasons = ['no policy permits it', 'and another\n  phase: active']
    expect(refusalText(refused('not_allowed', { reasons }))).toContain(
      '\n  reasons: no policy permits it; and another\\n  phase: active\n',
    )
  })
})

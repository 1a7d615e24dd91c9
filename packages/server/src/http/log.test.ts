import { describe, expect, test } from 'vitest'
import { createLog, redacted } from './log.ts'

function logged(write: (log: ReturnType<typeof createLog>) => void): string {
  const lines: string[] = []
  write(createLog('debug', { write: (line: string) => void lines.push(line) }))
  return lines.join('')
}

describe('CF-04 a log line holds no secret', () => {
  test.each<[string, object]>([
    ['a DSN', { dsn: 'postgres://halligan:hunter2@db/payments' }],
    ['a URL with a password', { url: 'https://user:hunter2@hooks.example/x' }],
    ['a bearer', { said: 'Bearer hunter2.hunter2' }],
    ['a header', { headers: { authorization: 'hunter2' } }],
    ['a seed', { keys: { log: 'hunter2' } }],
    ['a passphrase', { config: { passphrase: 'hunter2' } }],
    ['an invitation code', { body: { code: 'hunter2' } }],
    ['a webhook secret', { said: 'signed with whsec_hunter2' }],
    ['a sealed credential', { sealed: { jwe: 'hunter2' } }],
    ['a reason', { blob: { text: 'hunter2', salt: 'hunter2' } }],
    ['an error that quotes one', { err: new Error('no route to postgres://a:hunter2@db') }],
    [
      'an error that a library hung one on',
      { err: Object.assign(new Error('refused'), { config: { token: 'hunter2' } }) },
    ],
    [
      'the cause of an error',
      { err: new Error('x', { cause: new Error('postgres://a:hunter2@db') }) },
    ],
  ])('not %s', (_, line) => {
    const text = logged((log) => log.error(line, 'debug logs are on'))
    expect(text).toContain('debug logs are on')
    expect(text).not.toContain('hunter2')
  })

  test('in the words either', () => {
    expect(logged((log) => log.warn('postgres://a:hunter2@db is down'))).not.toContain(
      'hunter2',
    )
  })

  test('and keeps what is none', () => {
    const text = redacted('refused by https://hooks.example/x after 5 s')
    expect(text).toBe('refused by https://hooks.example/x after 5 s')
  })
})

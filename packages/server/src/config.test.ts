import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readConfig, readFlags } from './config.ts'

let dir: string
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'halligan-config-'))
})
afterAll(() => rmSync(dir, { recursive: true }))

const write = (settings: unknown) =>
  writeFileSync(join(dir, 'config.json'), JSON.stringify(settings))

describe('a setting', () => {
  test('by flag wins over one by environment, and that over the file', () => {
    write({ port: '1', host: '::1', url: 'https://halligan.example' })
    const env = { HALLIGAN_PORT: '2', HALLIGAN_HOST: '127.0.0.2' }
    const config = readConfig({ dir, ...readFlags(['--port', '3']) }, env)
    expect(config).toMatchObject({
      port: 3,
      host: '127.0.0.2',
      url: 'https://halligan.example',
    })
  })

  test('that nobody knows stops the start, wherever it stands', () => {
    expect(() => readFlags(['--prot', '3'])).toThrow()
    write({ prot: '3' })
    expect(() => readConfig({ dir }, {})).toThrow('prot is not a setting')
    write({ port: 3 })
    expect(() => readConfig({ dir }, {})).toThrow('port is not a setting')
    write({})
  })

  test.each(['-1', '1e3', '8443 ', '', '99999999'])('port %j is none', (port) => {
    expect(() => readConfig({ dir, port }, {})).toThrow('port is a whole number')
  })

  test('of a certificate wants its key too', () => {
    expect(() => readConfig({ dir, 'tls-cert': 'x.pem' }, {})).toThrow('go together')
  })

  test('left out is safe: loopback, no plain text beyond it, an anchor outside the folder', () => {
    const config = readConfig({ dir }, {})
    expect(config).toMatchObject({ host: '127.0.0.1', tls: null, noticePrivate: false })
    expect(config.anchor.startsWith(`${dir}/`)).toBe(false)
  })
})

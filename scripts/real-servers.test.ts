import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { whyNoMounts } from './real-servers.ts'

const root = join(import.meta.dirname, '..')
const install = 'apt-get install --no-install-recommends strace'
let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'halligan-servers-'))
  const describeAt = join(root, 'packages/enforcer/test/real-server.ts')
  const suite = `import { describeAt } from '${describeAt}'
process.env.PATH = ''
describeAt('strace', () => test('what needs strace', () => {}))
test('what needs nothing', () => {})
`
  writeFileSync(join(folder, 'suite.test.ts'), suite)
})
afterAll(() => rmSync(folder, { recursive: true }))

/** Of a suite that needs strace, on a machine without it. */
function runSuite(env: Readonly<Record<string, string>>) {
  const { CI: _, ...outside } = process.env
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  const words = ['run', '--root', folder, '--globals', '--reporter=verbose', '--no-color']
  const { status, stdout } = spawnSync(process.execPath, [vitest, ...words], {
    env: { ...outside, ...env },
  })
  return { status, stdout: String(stdout) }
}

test('without its tool a suite is skipped, and its name says what to type', () => {
  const { status, stdout } = runSuite({})
  expect(stdout).toContain(`strace is not installed: ${install}`)
  expect(stdout).toMatch(/Tests +1 passed \| 1 skipped/)
  expect(status).toBe(0)
})

test('in continuous integration it fails instead', () => {
  const { status, stdout } = runSuite({ CI: 'true' })
  expect(stdout).toContain(`× suite.test.ts > strace: strace is not installed: ${install}`)
  expect(stdout).toMatch(/Tests +1 failed \| 1 passed/)
  expect(status).toBe(1)
})

test('what a machine without the tools lacks is told, with what to type', () => {
  const script = join(root, 'scripts/real-servers.ts')
  const { status, stdout } = spawnSync(process.execPath, [script], { env: { PATH: '' } })
  const words = String(stdout)
  expect(status).toBe(0)
  expect(words).toMatch(/^not installed: .*OpenSSL, strace/)
  expect(words).toMatch(/^only root may mount|^this machine allows no mount namespaces/m)
  expect(words).toMatch(/apt-get install .* openssl strace/)
})

test('who is not root is told what root could run', () => {
  expect(whyNoMounts(1000)).toBe('only root may mount a file system: run it as root')
})

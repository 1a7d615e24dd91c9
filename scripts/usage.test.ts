import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'

/** As somebody types it; nothing is simulated or measured. */
const run = (script: string, ...words: readonly string[]) => {
  const path = new URL(script, import.meta.url).pathname
  const { status, stdout, stderr } = spawnSync(process.execPath, [path, ...words])
  return { status, stdout: String(stdout), stderr: String(stderr) }
}

test.each([
  ['./simulate.ts', ['--sedes', '2'], /Unknown option '--sedes'/],
  ['./simulate.ts', ['--seeds', 'x'], /--seeds is a whole number over 0/],
  ['./simulate.ts', ['--faults', 'rain'], /rain is no fault/],
  ['./bench.ts', ['--only', 'everything'], /there is no part everything/],
  ['./bench.ts', ['--shrot'], /Unknown option '--shrot'/],
])('%s %j is refused in words, with the usage', (script, words, reason) => {
  const { status, stdout, stderr } = run(script, ...words)
  expect(status).toBe(2)
  expect(stderr).toMatch(reason)
  expect(stderr).toMatch(/^Usage: npm run /m)
  expect(stderr).not.toMatch(/^ {4}at /m)
  expect(stdout).toBe('')
})

test.each(['./simulate.ts', './bench.ts'])('%s --help says how it is called', (script) => {
  const { status, stdout } = run(script, '--help')
  expect(status).toBe(0)
  expect(stdout).toMatch(/^Usage: npm run /)
})

test('a simulation whose reader leaves ends without a stack trace', () => {
  const path = new URL('./simulate.ts', import.meta.url).pathname
  const line = `"${process.execPath}" "${path}" --seeds 3 --busy 1 | head -n 1`
  const { stdout, stderr } = spawnSync('sh', ['-c', line], { encoding: 'utf8' })
  expect(stdout).toMatch(/^seed 1: .*\n$/)
  expect(stderr).toBe('')
})

import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { main } from '../main.ts'
import { testMachine } from '../testing-machine.ts'
import { drill } from './drill.ts'

test('one whole emergency holds, from the incident to the proof', async () => {
  const out = await mkdtemp(join(tmpdir(), 'halligan-drill-out-'))
  const report = await drill({
    out,
    now: () => performance.now(),
    tell: () => undefined,
    signal: new AbortController().signal,
  })
  expect(report.steps.filter(({ held }) => !held)).toEqual([])
  expect(report.held).toBe(true)

  const trust = (await readFile(report.trustFile, 'utf8')).trim()
  const verify = (...rest: readonly string[]) => {
    const machine = testMachine()
    return main(['case', 'verify', report.caseFile, ...rest], machine)
  }
  expect(await verify('--trust', trust)).toBe(0)
  expect(await verify()).toBe(2)
  expect(await verify('--trust', `sha256:${'0'.repeat(64)}`)).toBe(1)
  await rm(out, { recursive: true })
}, 180_000)

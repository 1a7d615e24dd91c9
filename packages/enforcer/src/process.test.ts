import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { pathsIn } from './config.ts'

const program = new URL('../bin/halligan-enforcer.js', import.meta.url).pathname
const grant = `g-${'a'.repeat(26)}`
const guard = `
enforcer: enf-payments
targets:
  payments-pg:
    entitlements: [payments-db-repair]
    privileges: ['role:payments_repair']
    routes: { quorum: { minApprovals: 1 } }
    approverGroup: payments-leads
    maxLifeSeconds: 3600
    owners: [dee]
`

let dir: string
const children: ChildProcess[] = []
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'halligan-process-'))
})
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  rmSync(dir, { recursive: true })
})

const run = promisify(execFile)
const ask = async (...args: string[]) => {
  const { stdout } = await run(process.execPath, [program, ...args, '--dir', dir])
  return JSON.parse(stdout)
}

/** With a target and a control plane that are both away: what is left is what the enforcer does alone. */
async function enrol(): Promise<void> {
  await ask('enroll', '--id', 'enf-payments')
  const path = pathsIn(dir).config
  const url = join(dir, 'connector.url')
  writeFileSync(url, 'postgres://nobody:nothing@127.0.0.1:1/payments\n')
  writeFileSync(pathsIn(dir).guard, guard)
  const config = {
    ...JSON.parse(readFileSync(path, 'utf8')),
    server: 'http://127.0.0.1:1',
    estate: 'example',
    rosterDigest: `sha256:${'0'.repeat(64)}`,
    targets: { 'payments-pg': { kind: 'postgres', url: { file: url } } },
  }
  writeFileSync(path, JSON.stringify(config))
}

async function start(): Promise<ChildProcess> {
  const child = spawn(process.execPath, [program, 'run', '--dir', dir], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  children.push(child)
  await once(child.stdout, 'data')
  return child
}

test('K-10 a process killed with -9 comes back on the same folder and goes on ending', async () => {
  await enrol()
  const first = await start()
  await expect(ask('run')).rejects.toThrow(/another enforcer/)
  await expect(ask('end', 'g-mistyped')).rejects.toThrow(/malformed_grant/)
  const { stdout, stderr } = await run(process.execPath, [
    program,
    'end',
    grant,
    '--dir',
    dir,
  ])
  expect(JSON.parse(stdout)).toEqual({ grant, held: [], targets: ['payments-pg'] })
  expect(stderr).toContain('nothing was held here')
  first.kill('SIGKILL')
  await once(first, 'exit')
  await expect(ask('status')).rejects.toThrow(/no enforcer runs/)

  const second = await start()
  expect(await ask('status')).toMatchObject({
    enforcer: 'enf-payments',
    holds: [{ grant, target: 'payments-pg', phase: 'ending' }],
  })
  second.kill('SIGTERM')
  const [code] = await once(second, 'exit')
  expect(code).toBe(0)
}, 30_000)

test('EN-22 Q-05 a target with a grant that is not over cannot be taken out or renamed', async () => {
  await enrol()
  const first = await start()
  await ask('end', grant)
  first.kill('SIGKILL')
  await once(first, 'exit')
  const { config, guard: guardPath } = pathsIn(dir)
  const before = {
    config: readFileSync(config, 'utf8'),
    guard: readFileSync(guardPath, 'utf8'),
  }
  for (const path of [config, guardPath])
    writeFileSync(path, readFileSync(path, 'utf8').replaceAll('payments-pg', 'renamed-pg'))
  await expect(ask('run')).rejects.toThrow(`${grant} on payments-pg`)
  writeFileSync(config, before.config)
  writeFileSync(guardPath, before.guard)
  await start()
  expect(await ask('status')).toMatchObject({ holds: [{ grant, phase: 'ending' }] })
}, 30_000)

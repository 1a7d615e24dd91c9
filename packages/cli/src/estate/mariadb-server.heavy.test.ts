import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { describeAt } from '../../../enforcer/test/real-server.ts'
import { createBilling } from './billing.ts'
import { startMariadb } from './mariadb-server.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'halligan-server-'))
  // Whatever is left of a server that was killed goes with the folder.
  chmodSync(dir, 0o711)
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const listens = (port: number): Promise<boolean> =>
  new Promise((done) => {
    const socket = createConnection(port, '127.0.0.1')
    socket.once('connect', () => done(true)).once('error', () => done(false))
    socket.unref()
  })

describeAt('MariaDB', () => {
  test('data, password and connector survive a power cut, a stop and a new start', async () => {
    const options = { dir: join(dir, 'private', 'mariadb') }
    const first = await startMariadb(options)
    const made = await createBilling(first)
    await first.run(`update billing.invoices set state = 'void' where id = 3;`)
    await first.kill()
    await first.restart()
    await first.stop()
    const second = await startMariadb(options)
    const found = await createBilling(second)
    expect(new URL(second.rootUrl).password).toBe(new URL(first.rootUrl).password)
    expect(found.connectorUrl).not.toBe(made.connectorUrl)
    expect(await second.run('select state from billing.invoices where id = 3;')).toBe(
      'state\nvoid\n',
    )
    await second.remove()
    expect(existsSync(second.logFile)).toBe(false)
  })

  test('only root with the password gets in, from the first moment on', async () => {
    const server = await startMariadb({ dir: join(dir, 'mariadb') })
    const users = await server.run(
      'select User, Host from mysql.global_priv order by 1, 2;',
    )
    expect(users.trim().split('\n').slice(1)).toEqual([
      'mariadb.sys\tlocalhost',
      'root\t127.0.0.1',
      'root\tlocalhost',
    ])
    const login = [
      '--no-defaults',
      '-uroot',
      '-h127.0.0.1',
      `-P${server.port}`,
      '-e',
      'select 1',
    ]
    const { status, stderr } = spawnSync('mariadb', login)
    expect(status).toBe(1)
    expect(stderr.toString()).toContain('Access denied')
    await server.remove()
  })

  test('it is gone when its starter dies', async () => {
    const program = `
    import { startMariadb } from ${JSON.stringify(join(import.meta.dirname, 'mariadb-server.ts'))}
    const server = await startMariadb({ dir: ${JSON.stringify(join(dir, 'mariadb'))} })
    process.stdout.write(String(server.port))
    process.kill(process.pid, 'SIGKILL')
    setInterval(() => {}, 1000)`
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', program])
    const port = Number(stdout.toString())
    expect(port).toBeGreaterThan(0)
    const deadline = performance.now() + 10_000
    while ((await listens(port)) && performance.now() < deadline) await pause(50)
    expect(await listens(port)).toBe(false)
  })

  test('a setting that MariaDB does not know is named', async () => {
    await expect(
      startMariadb({ dir: join(dir, 'mariadb'), settings: { nonsense: 'yes' } }),
    ).rejects.toThrow('nonsense')
  })
})

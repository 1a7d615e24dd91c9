import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Instant } from '@halligan/core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { describeConnector } from '../../packages/enforcer/src/connectors/connector.contract.ts'
import type { Connector } from '../../packages/enforcer/src/connectors/port.ts'
import { drawerConnector, hashOf } from './drawer.ts'

let folder: string
let port: number
const made: Connector[] = []
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'halligan-drawer-'))
  await writeFile(join(folder, 'ops'), JSON.stringify({ hash: hashOf('ops'), until: 9e15 }))
  port = await freePort()
})
afterAll(() => rm(folder, { recursive: true }))

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' ? (address?.port ?? 0) : 0))
    })
  })

/** As the door reads it. */
async function opens(name: string, secret: string): Promise<boolean> {
  const text = await readFile(join(folder, name), 'utf8').catch(() => 'null')
  const login = JSON.parse(text)
  return login !== null && login.hash === hashOf(secret) && Date.now() < login.until
}

describeConnector('the drawer of the documentation', () => ({
  target: 'drawer',
  privileges: ['door:front', 'door:back'],
  connector: () => {
    const connector = drawerConnector(folder, port)
    made.push(connector)
    return connector
  },
  now: async () => Date.now() as Instant,
  enter: async ({ DRAWER_LOGIN = '', DRAWER_SECRET = '' }) => {
    const hasAccess = () => opens(`halligan_${DRAWER_LOGIN}`, DRAWER_SECRET)
    if (!(await hasAccess())) throw new Error('the door stays shut')
    return { hasAccess, leave: async () => {} }
  },
  standingRightWorks: () => opens('ops', 'ops'),
  goDown: async () => {
    // The host of the drawer is down, and every listening port on it.
    await Promise.all(made.map((connector) => connector.close()))
    await rename(folder, `${folder}.away`)
  },
  comeBack: () => rename(`${folder}.away`, folder),
  removeByHand: (grant) => rm(join(folder, `halligan_${grant}`)),
  crash: (connector) => connector.close(),
}))

test('it has under a hundred lines', async () => {
  const text = await readFile(join(import.meta.dirname, 'drawer.ts'), 'utf8')
  expect(text.split('\n').length).toBeLessThan(100)
})

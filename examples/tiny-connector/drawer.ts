/**
 * A connector in under a hundred lines. The target is a drawer: a folder with one file per login, which holds the SHA-256 of
 * its secret and until when it opens the door. Whoever guards the door reads the file each time.
 */
import { createHash, randomBytes } from 'node:crypto'
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import type { GrantId, Instant } from '@halligan/core'
import { type Connector, TargetTaken } from '@halligan/enforcer'

type Login = Readonly<{ hash: string; until: number }>

export const hashOf = (secret: string): string =>
  createHash('sha256').update(secret).digest('hex')

export function drawerConnector(folder: string, doorPort: number): Connector {
  const prefix = 'halligan_'
  const pathOf = (grant: GrantId) => join(folder, `${prefix}${grant}`)
  let lock: Server | null = null

  const read = async (grant: GrantId): Promise<Login | null> => {
    const names = await readdir(folder) // throws when the drawer is away: that is no absence
    if (!names.includes(`${prefix}${grant}`)) return null
    return JSON.parse(await readFile(pathOf(grant), 'utf8'))
  }
  const write = async (grant: GrantId, login: Login) => {
    await writeFile(`${pathOf(grant)}.new`, JSON.stringify(login), { flush: true })
    await rename(`${pathOf(grant)}.new`, pathOf(grant))
  }
  const isIn = (login: Login | null) => login !== null && Date.now() < login.until
  // A listening port belongs to one process, and dies with it: no file to be left behind.
  const take = async () => {
    if (lock?.listening) return
    const server = createServer()
    lock = await new Promise<Server>((resolve, reject) => {
      const taken = () => reject(new TargetTaken('another enforcer holds the drawer'))
      server.once('error', taken).listen(doorPort, '127.0.0.1', () => resolve(server))
    })
  }

  return {
    open: take,
    async close() {
      lock?.close()
      lock = null
    },
    snapshot: async () =>
      JSON.stringify(
        (await readdir(folder)).filter((name) => !name.startsWith(prefix)).sort(),
      ),
    difference(before, after) {
      const known: string[] = JSON.parse(before)
      const now: string[] = JSON.parse(after)
      return now
        .filter((name) => !known.includes(name))
        .map((object) => ({ what: 'added', object }))
    },
    async apply({ grant, applyBefore, deadline }) {
      await take()
      if (Date.now() >= applyBefore) {
        await rm(pathOf(grant), { force: true })
        return { kind: 'too_late', targetNow: Date.now() as Instant }
      }
      const secret = randomBytes(32).toString('base64url')
      await write(grant, { hash: hashOf(secret), until: deadline })
      return { kind: 'applied', credential: { DRAWER_LOGIN: grant, DRAWER_SECRET: secret } }
    },
    async reseal(grant) {
      const login = await read(grant)
      if (login === null || !isIn(login)) throw new Error(`${grant} does not stand`)
      const secret = randomBytes(32).toString('base64url')
      await write(grant, { ...login, hash: hashOf(secret) })
      return { DRAWER_LOGIN: grant, DRAWER_SECRET: secret }
    },
    probePresent: async (grant) => isIn(await read(grant)),
    async end(grant) {
      await readdir(folder)
      await rm(pathOf(grant), { force: true })
    },
    probeAbsent: async (grant) => [
      { probe: 'file', absent: (await read(grant)) === null, at: Date.now() as Instant },
    ],
    cleanup: async () => {},
    standing: async () =>
      (await readdir(folder))
        .filter((name) => name.startsWith(prefix) && !name.endsWith('.new'))
        .map((name) => name.slice(prefix.length) as GrantId),
  }
}

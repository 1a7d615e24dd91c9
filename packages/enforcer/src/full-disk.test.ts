import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createEstate } from '../test/estate.ts'
import { createHost, grantNamed, type Host, targetName } from '../test/host.ts'
import { accept, kinds, lifeMillis, pass as passLoop, run } from '../test/run.ts'
import { boot, pass, sync, told, type World } from '../test/world.ts'
import { hasAccess } from './connectors/fake.ts'
import { endGrant } from './end-locally.ts'
import { type Books, BooksUnwritable } from './store/port.ts'
import { openBooks } from './store/sqlite.ts'

const [ada, ben] = [grantNamed('a'), grantNamed('b')]

let dir: string
const opened: Books[] = []
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'halligan-full-'))
})
afterEach(() => {
  for (const books of opened.splice(0)) books.close()
  rmSync(dir, { recursive: true })
})

/** Real books on a disk that takes nothing while it is `full`: SQLite answers SQLITE_READONLY as it does SQLITE_FULL. */
function limitedBooks(): { books: Books; fill(): void; free(): void } {
  let limit = (_: boolean) => {}
  const path = join(dir, 'enforcer.db')
  const books = openBooks(path, new Uint8Array(32), (db) => {
    limit = (full) => db.exec(`PRAGMA query_only = ${full ? 1 : 0}`)
  })
  opened.push(books)
  return { books, fill: () => limit(true), free: () => limit(false) }
}

const written = (work: () => void): boolean => {
  try {
    work()
    return true
  } catch (error) {
    if (error instanceof BooksUnwritable) return false
    throw error
  }
}

const at = (host: Host) => host.books.hold(ada, targetName)

describe('S-01 S-07 INV-18 with a disk that takes nothing', () => {
  test('the books say so, keep what they had, and take again once there is room', () => {
    const host = createHost()
    const { books, fill, free } = limitedBooks()
    accept({ ...host.boot(), books }, ada)
    fill()
    expect(written(() => accept({ ...host.boot(), books }, ben))).toBe(false)
    expect(books.unfinished().map(({ grant }) => grant)).toEqual([ada])
    expect(books.hold(ben, targetName).phase).toBe('none')
    free()
    expect(written(() => accept({ ...host.boot(), books }, ben))).toBe(true)
    expect(books.unfinished().map(({ grant }) => grant)).toEqual([ada, ben])
  })

  test('a deadline ends the access on time, and is told of once there is room', async () => {
    const { books, fill, free } = limitedBooks()
    const host = { ...createHost(), books }
    const site = host.boot({ books })
    accept(site, ada)
    const { loop, broken } = run(site)
    await loop.idle()
    expect(at(host).phase).toBe('applied')
    host.target.logins[0]?.sessions.add(Symbol('psql'))
    fill()
    await passLoop(host, loop, lifeMillis + 1000)
    expect(hasAccess(host.target, ada)).toBe(false)
    expect(at(host).phase).toBe('ending')
    expect(kinds(books)).toEqual(['applied'])
    expect(host.notes.some(({ what }) => what === 'books_unwritable')).toBe(true)
    free()
    await passLoop(host, loop, 16_000)
    expect(kinds(books).filter((kind) => kind !== 'struggling')).toEqual([
      ...['applied', 'ending', 'absent', 'cleaned'],
    ])
    expect(broken).toEqual([])
  })

  test('a process that dies and comes back on that disk ends it all the same', async () => {
    const { books, fill } = limitedBooks()
    const host = { ...createHost(), books }
    const first = run(host.boot({ books }))
    accept(host.boot({ books }), ada)
    first.loop.look()
    await first.loop.idle()
    fill()
    first.loop.stop()
    host.scheduler.clear()
    host.clock.pass(lifeMillis)
    const second = run(host.boot({ books }))
    await second.loop.idle()
    expect(hasAccess(host.target, ada)).toBe(false)
    expect(second.broken).toEqual([])
  })

  async function worldOn(books: Books): Promise<World> {
    const host = { ...createHost(), books }
    const estate = createEstate(host.clock)
    return { host, estate, ...(await boot(host, estate, { books })) }
  }

  test('an order to end is obeyed, nothing new is opened, and nothing is refused for good', async () => {
    const { books, fill, free } = limitedBooks()
    const it = await worldOn(books)
    it.estate.grant(ada)
    await sync(it)
    expect(hasAccess(it.host.target, ada)).toBe(true)
    fill()
    it.estate.ends.push({ order: it.estate.end(ada) })
    it.estate.grant(ben)
    await sync(it)
    expect(hasAccess(it.host.target, ada)).toBe(false)
    expect(hasAccess(it.host.target, ben)).toBe(false)
    expect(it.broken).toEqual([])
    free()
    await pass(it, 20_000)
    expect(told(it)).toEqual(expect.arrayContaining(['ending', 'absent', 'cleaned']))
    expect(told(it)).not.toContain('refused')
    expect(hasAccess(it.host.target, ben)).toBe(true)
  })

  test('the local end ends', async () => {
    const { books, fill } = limitedBooks()
    const it = await worldOn(books)
    it.estate.grant(ada)
    await sync(it)
    fill()
    expect(endGrant(it.site, ada, 'local_root').targets).toEqual([targetName])
    it.daemon.due.look()
    await pass(it, 1000)
    expect(hasAccess(it.host.target, ada)).toBe(false)
  })
})

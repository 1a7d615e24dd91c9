import { chmod, writeFile } from 'node:fs/promises'
import type { Instant } from '@halligan/core'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type EnforcerBooks, enforcerBooks } from '../../test/enforcer-books.ts'
import { freshGrant } from '../../test/fresh-grant.ts'
import { millisUntil, opensshGrantee } from '../../test/openssh-grantee.ts'
import {
  describeAtSshd,
  labTarget,
  type OpensshLab,
  openOpensshLab,
} from '../../test/openssh-lab.ts'
import { type Connector, TargetTaken } from './port.ts'

describeAtSshd(() => {
  const { at, opening, present: presentAtOne } = opensshGrantee()
  let second: OpensshLab
  let pair: Connector
  let books: EnforcerBooks
  beforeAll(async () => {
    second = await openOpensshLab(at.lab.server)
  })
  afterAll(() => second.remove())
  const hosts = () => {
    const of = ({ server: { port, hostKey } }: OpensshLab) => ({
      ...{ host: '127.0.0.1', port, hostKey },
    })
    return { web: of(at.lab), db: of(second) }
  }

  describe('a target of two hosts', () => {
    beforeEach(async () => {
      await at.connector.close()
      books = enforcerBooks()
      pair = at.lab.connector(books, { hosts: hosts() })
      return () => pair.close()
    })
    const open = async () => {
      const wanted = opening('login:deploy')
      books.keep({ ...wanted, phase: 'standing' })
      const applied = await pair.apply(wanted)
      if (applied.kind !== 'applied') throw new Error(applied.kind)
      const { credential } = applied
      const destinations = (credential.SSH_DESTINATIONS ?? '').split('\n')
      const on = (number: number) => ({
        ...credential,
        SSH_DESTINATIONS: destinations[number] ?? '',
      })
      return { destinations, web: on(0), db: on(1) }
    }
    const present = async () => {
      const probes = await pair.probeAbsent(at.grant, labTarget)
      return probes.filter(({ absent }) => !absent).map(({ probe }) => probe)
    }

    test('one certificate opens both and is ended at both', async () => {
      await pair.open()
      const { web, db } = await open()
      const sessions = [await at.lab.enter(web), await second.enter(db)]
      await pair.end(at.grant, labTarget)
      for (const session of sessions) await expect(session.ask('id')).rejects.toThrow()
      await expect(second.login(db)).rejects.toThrow('Permission denied')
      expect(await present()).toEqual([])
    })

    test('C-11 a host that is away at the end is named, and nothing is called absent', async () => {
      await pair.open()
      const { web, db } = await open()
      const near = await at.lab.enter(web)
      const far = await second.enter(db)
      // Only the listener is gone, as between two enforcers and a network that is cut: sessions go on.
      await second.server.stopListening()
      await expect(pair.end(at.grant, labTarget)).rejects.toThrow(/^db: .*refused/)
      await expect(near.ask('id')).rejects.toThrow()
      expect(await far.ask('id -un')).toBe('deploy\n')
      await expect(pair.probeAbsent(at.grant, labTarget)).rejects.toThrow('db: ')
      await second.server.listen()
      expect(await present()).toContain('connections')
      await pair.end(at.grant, labTarget)
      await expect(far.ask('id')).rejects.toThrow()
      expect(await present()).toEqual([])
    })

    test('C-11 a certificate that has expired lets nobody in, and ends no session', async () => {
      await pair.open()
      const wanted = {
        ...opening('login:deploy'),
        deadline: (Date.now() + 6_000) as Instant,
      }
      books.keep({ ...wanted, phase: 'standing' })
      const applied = await pair.apply(wanted)
      if (applied.kind !== 'applied') throw new Error(applied.kind)
      const session = await at.lab.enter(applied.credential)
      await millisUntil(() => Date.now() > wanted.deadline + 1000)
      await expect(at.lab.login(applied.credential)).rejects.toThrow('Permission denied')
      expect(await session.ask('id -un')).toBe('deploy\n')
      expect(await present()).toContain('connections')
      await pair.end(at.grant, labTarget)
      expect(await present()).toEqual([])
    })

    test('a host that is away at the beginning is left out, and needs not be back', async () => {
      await second.server.stopListening()
      await pair.open()
      const { destinations, web } = await open()
      expect(destinations).toHaveLength(1)
      expect(await at.lab.login(web)).toBe('deploy\n')
      expect(await pair.probePresent(at.grant, labTarget)).toBe(true)
      await pair.end(at.grant, labTarget)
      expect(await present()).toEqual([])
      await second.server.listen()
      // It was told of nothing, and what it is offered is known to be ours.
      const there = {
        ...web,
        SSH_DESTINATIONS: `ssh://deploy@127.0.0.1:${second.server.port}`,
      }
      const known = {
        SSH_KNOWN_HOSTS: `[127.0.0.1]:${second.server.port} ${second.server.hostKey}`,
      }
      await expect(second.login({ ...there, ...known })).rejects.toThrow(
        'Permission denied',
      )
      expect(await pair.strangers?.(labTarget)).toEqual([])
    })

    test('a host that was taken out of the settings while it holds a grant is asked for', async () => {
      await pair.open()
      const { db } = await open()
      await pair.close()
      const { web } = hosts()
      const forgetful = at.lab.connector(books, { hosts: { web } })
      const words = 'db may have admitted this grant and is not in the settings'
      await expect(forgetful.end(at.grant, labTarget)).rejects.toThrow(words)
      await expect(forgetful.probeAbsent(at.grant, labTarget)).rejects.toThrow(words)
      expect(await second.login(db)).toBe('deploy\n')
      await pair.end(at.grant, labTarget)
      expect(await present()).toEqual([])
    })

    test('INV-11 an enforcer that holds one of them keeps a rival from both', async () => {
      await pair.open()
      const { db } = hosts()
      const rival = second.connector(enforcerBooks(), { hosts: { db } })
      await expect(rival.open()).rejects.toThrow(TargetTaken)
      await pair.close()
      await rival.open()
      await expect(pair.open()).rejects.toThrow(TargetTaken)
      await rival.close()
      await pair.open()
    })
  })

  test('an enforcer on the host itself starts the helper without ssh', async () => {
    await at.connector.close()
    const helper = `${at.lab.server.caKeyFile}.helper`
    const inside = at.lab.server.host.before().map((word) => `'${word}'`)
    await writeFile(
      helper,
      `#!/bin/sh\nexec ${inside.join(' ')} ${at.lab.server.helper} "$@"\n`,
    )
    await chmod(helper, 0o755)
    const { web } = hosts()
    const local = at.lab.connector(at.books, {
      helper,
      key: undefined,
      hosts: { web: { ...web, local: true } },
    })
    await local.open()
    at.grant = freshGrant()
    const applied = await local.apply(opening('login:deploy'))
    if (applied.kind !== 'applied') throw new Error(applied.kind)
    const session = await at.lab.enter(applied.credential)
    const rival = at.lab.connector(at.books)
    await expect(rival.open()).rejects.toThrow(TargetTaken)
    await local.end(at.grant, labTarget)
    await expect(session.ask('id')).rejects.toThrow()
    expect(await presentAtOne()).toEqual([])
    await local.cleanup(at.grant, labTarget)
    await local.close()
    await rival.open()
    await rival.close()
  })
})

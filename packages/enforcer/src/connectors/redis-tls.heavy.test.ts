import { lookup } from 'node:dns/promises'
import { readFile, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import type { Instant, PrincipalId } from '@halligan/core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { whyMissing } from '../../../../scripts/real-servers.ts'
import { type Certificates, makeCertificates } from '../../test/certificates.ts'
import { enforcerBooks } from '../../test/enforcer-books.ts'
import { freshGrant } from '../../test/fresh-grant.ts'
import { describeAt, describeUnless } from '../../test/real-server.ts'
import { openRedisLab, type RedisLab } from '../../test/redis-lab.ts'
import { openWire } from './redis-session.ts'

/** A name of this machine that is not a name of the loopback, whatever address it stands for. */
const name = hostname()
const isKnown = await lookup(name).then(
  () => name !== 'localhost',
  () => false,
)

const whyNot =
  whyMissing('OpenSSL') ?? (isKnown ? null : 'this machine does not know its own name')

describeAt('Redis', () => {
  describeUnless(whyNot, 'over TLS', () => {
    let certificates: Certificates
    beforeAll(() => {
      certificates = makeCertificates()
    })
    afterAll(() => certificates.remove())

    /** At a server with a certificate for `names`, or without TLS; the URL names `host`, in plain `redis:` wherever it is. */
    const within = async <T>(
      names: string | null,
      work: (lab: RedisLab) => Promise<T>,
      { host = name, scheme = 'redis:' } = {},
    ): Promise<T> => {
      const tls = names === null ? {} : { tls: certificates.of(names) }
      const lab = await openRedisLab({ settings: ['bind 0.0.0.0'], ...tls })
      const text = (await readFile(lab.urlFile, 'utf8')).trim()
      const { username, password } = new URL(text)
      const url = `${scheme}//${username}:${password}@${host}:${lab.server.port}`
      await writeFile(lab.urlFile, url)
      try {
        return await work(lab)
      } finally {
        await lab.remove()
      }
    }
    const ours = () => ({ caFile: certificates.ours })

    test.each([
      ['a name, whatever the scheme', `DNS:${name}`, { host: name }],
      ['an address', 'IP:127.0.0.1', { host: '127.0.0.1', scheme: 'rediss:' }],
    ])('EN-25 a whole grant at a host with a certificate for %s', async (_, names, at) => {
      await within(
        names,
        async (lab) => {
          const connector = lab.connector(enforcerBooks(), ours())
          await connector.open()
          const grant = freshGrant()
          const now = Date.now()
          const applied = await connector.apply({
            ...{ grant, target: lab.target, overlapKey: '' },
            ...{ requester: 'ada' as PrincipalId, privileges: ['acl:carts_repair'] },
            applyBefore: (now + 60_000) as Instant,
            deadline: (now + 60_000) as Instant,
          })
          if (applied.kind !== 'applied') throw new Error(applied.kind)
          const { REDIS_TLS, REDIS_HOST, REDIS_USER, REDISCLI_AUTH } = applied.credential
          expect([REDIS_TLS, REDIS_HOST]).toEqual(['verify-full', at.host])
          const login = { user: REDIS_USER ?? '', password: REDISCLI_AUTH ?? '' }
          const inside = await openWire({ ...lab.settings, ...ours() }, login)
          expect(await inside.ask('HGET', 'cart:1001', 'items')).toBe('3')
          await connector.end(grant, lab.target)
          await expect(inside.ask('PING')).rejects.toThrow()
          const probes = await connector.probeAbsent(grant, lab.target)
          expect(probes.every(({ absent }) => absent)).toBe(true)
          await connector.close()
        },
        at,
      )
    })

    test('EN-25 a server without TLS is not spoken to, and hears no password', async () => {
      await within(null, async (lab) => {
        await expect(
          lab.connector(enforcerBooks(), ours()).standing(lab.target),
        ).rejects.toThrow('cannot reach')
        expect(await lab.server.run('acl log')).not.toContain('auth')
      })
    })

    test('EN-25 a certificate of another authority is refused', async () => {
      await within(`DNS:${name}`, async (lab) => {
        const trusting = lab.connector(enforcerBooks(), { caFile: certificates.foreign })
        await expect(trusting.standing(lab.target)).rejects.toThrow(/certificate/)
        await expect(lab.connector().standing(lab.target)).rejects.toThrow(/certificate/)
      })
    })

    test.each([
      ['name', 'DNS:redis.example.org', { host: name }],
      ['address', 'IP:192.0.2.9', { host: '127.0.0.1', scheme: 'rediss:' }],
    ])('EN-25 a certificate for another %s is refused', async (_, names, at) => {
      await within(
        names,
        (lab) =>
          expect(
            lab.connector(enforcerBooks(), ours()).standing(lab.target),
          ).rejects.toThrow("not match certificate's altnames"),
        at,
      )
    })
  })
})

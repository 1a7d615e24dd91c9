import { execFileSync } from 'node:child_process'
import { lookup } from 'node:dns/promises'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { GrantId, Instant, PrincipalId } from '@halligan/core'
import { createConnection } from 'mysql2/promise'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { whyMissing } from '../../../../scripts/real-servers.ts'
import { enforcerBooks } from '../../test/enforcer-books.ts'
import { freshGrant } from '../../test/fresh-grant.ts'
import { type MariadbLab, openMariadbLab } from '../../test/mariadb-lab.ts'
import { describeAt, describeUnless } from '../../test/real-server.ts'
import type { MariadbSettings } from './mariadb-settings.ts'

/** A name of this machine that is not a name of the loopback, whatever address it stands for. */
const name = hostname()
const isKnown = await lookup(name).then(
  () => name !== 'localhost',
  () => false,
)
const whyNot =
  whyMissing('OpenSSL') ?? (isKnown ? null : 'this machine does not know its own name')

describeAt('MariaDB', () => {
  describeUnless(whyNot, 'beyond loopback', () => {
    let dir: string
    let lab: MariadbLab
    beforeAll(async () => {
      dir = mkdtempSync(join(tmpdir(), 'halligan-tls-'))
      chmodSync(dir, 0o755)
      makeAuthority('ours')
      makeAuthority('foreign')
      makeCertificate('rightful', name)
      makeCertificate('other', 'db.example.org')
    })
    afterAll(() => rmSync(dir, { recursive: true, force: true }))

    const at = (file: string) => join(dir, file)
    const openssl = (...args: readonly string[]) =>
      execFileSync('openssl', [...args], { stdio: 'ignore' })
    const keyed = (file: string) =>
      ['-newkey', 'rsa:2048', '-nodes', '-keyout', at(`${file}.key`)] as const
    const makeAuthority = (file: string) =>
      openssl(
        'req',
        '-x509',
        ...keyed(file),
        '-days',
        '1',
        '-out',
        at(`${file}.crt`),
        '-subj',
        `/CN=${file}`,
      )
    const makeCertificate = (file: string, of: string) => {
      writeFileSync(at(`${file}.ext`), `subjectAltName=DNS:${of}\n`)
      openssl('req', ...keyed(file), '-out', at(`${file}.csr`), '-subj', '/CN=billing')
      openssl(
        ...[
          'x509',
          '-req',
          '-in',
          at(`${file}.csr`),
          '-days',
          '1',
          '-out',
          at(`${file}.crt`),
        ],
        ...['-CA', at('ours.crt'), '-CAkey', at('ours.key'), '-CAcreateserial'],
        ...['-extfile', at(`${file}.ext`)],
      )
      chmodSync(at(`${file}.key`), 0o644)
    }
    /** At a server that shows `shown`, a connector that trusts `trusted` and whose URL says that host. */
    const within = async <T>(
      shown: string | null,
      trusted: string,
      work: (settings: Partial<MariadbSettings>) => Promise<T>,
      host = name,
    ): Promise<T> => {
      const tls = { 'ssl-cert': at(`${shown}.crt`), 'ssl-key': at(`${shown}.key`) }
      lab = await openMariadbLab({
        'bind-address': '0.0.0.0',
        ...(shown === null ? { 'skip-ssl': 'ON' } : tls),
      })
      const url = new URL(readFileSync(lab.urlFile, 'utf8').trim())
      url.hostname = host
      url.search = 'ssl=false&sslmode=disable'
      writeFileSync(lab.urlFile, url.href)
      try {
        return await work({ caFile: at(`${trusted}.crt`) })
      } finally {
        await lab.remove()
      }
    }
    const standing = (shown: string | null, trusted: string, host = name) =>
      within(
        shown,
        trusted,
        (settings) => lab.connector(enforcerBooks(), settings).standing(lab.target),
        host,
      )

    test('EN-25 the connector speaks TLS whatever its URL asks for, and accounts of grants take nothing else', async () => {
      await within('rightful', 'ours', async (settings) => {
        const connector = lab.connector(enforcerBooks(), settings)
        await connector.open()
        const now = await lab.now()
        const grant: GrantId = freshGrant()
        const applied = await connector.apply({
          ...{ grant, target: lab.target, overlapKey: '' },
          requester: 'ada' as PrincipalId,
          privileges: ['role:billing_repair'],
          applyBefore: (now + 60_000) as Instant,
          deadline: (now + 60_000) as Instant,
        })
        if (applied.kind !== 'applied') throw new Error(applied.kind)
        const { MYSQL_USER: user = '', MYSQL_PWD: password = '' } = applied.credential
        expect(applied.credential.MYSQL_HOST).toBe(name)
        const login = { host: '127.0.0.1', port: lab.server.port, user, password }
        await expect(createConnection(login)).rejects.toThrow('denied')
        const ca = readFileSync(at('ours.crt'))
        const db = await createConnection({
          ...login,
          host: name,
          ssl: { ca, verifyIdentity: true },
        })
        const [rows] = await db.query(`show session status like 'Ssl_version'`)
        expect(JSON.stringify(rows)).toContain('TLSv1')
        await connector.end(grant, lab.target)
        const probes = await connector.probeAbsent(grant, lab.target)
        expect(probes).toContainEqual(
          expect.objectContaining({ probe: 'login', absent: true }),
        )
        await connector.close()
      })
    })

    test('EN-25 a server without TLS is not spoken to', async () => {
      await expect(standing(null, 'ours')).rejects.toThrow(
        'does not support secure connection',
      )
    })

    test('EN-25 a certificate of another authority is refused', async () => {
      await expect(standing('rightful', 'foreign')).rejects.toThrow(/certificate/)
    })

    test('EN-25 a certificate for another name is refused', async () => {
      await expect(standing('other', 'ours')).rejects.toThrow(
        "not match certificate's altnames",
      )
    })

    test('EN-25 an address is refused: the driver would check its certificate against localhost', async () => {
      await expect(standing('rightful', 'ours', '192.0.2.9')).rejects.toThrow(
        'needs the name that its certificate is for, not 192.0.2.9',
      )
    })
  })
})

import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  chownSync,
  mkdtempSync,
  rmSync,
  statSync,
} from 'node:fs'
import { networkInterfaces, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { whyMissing } from '../../../../scripts/real-servers.ts'
import { createPayments } from '../../../cli/src/estate/payments.ts'
import {
  type PostgresServer,
  startPostgres,
} from '../../../cli/src/estate/postgres-server.ts'
import { memoryPorts } from '../../test/connector-ports.ts'
import { describeUnless } from '../../test/real-server.ts'
import { postgresConnector } from './postgres.ts'

/** An address of this machine that is not loopback. */
const address = Object.values(networkInterfaces())
  .flat()
  .find((each) => each?.family === 'IPv4' && !each.internal)?.address
const whyNot =
  whyMissing('OpenSSL') ??
  (address === undefined ? 'this machine has no address beyond loopback' : null)

const addressVariable = 'HALLIGAN_TEST_TLS_URL'

/** `rightful` is for this machine's address, `foreign` for another; each is its own authority. */
type Certificate = 'rightful' | 'foreign'

describeUnless(whyNot, 'beyond loopback', () => {
  const host = address ?? ''
  let dir: string
  let server: PostgresServer
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'halligan-tls-'))
    server = await startPostgres({ dir: join(dir, 'postgres') })
    makeCertificate('rightful', host)
    makeCertificate('foreign', '192.0.2.77')
    appendFileSync(at('data/pg_hba.conf'), 'host all all 0.0.0.0/0 scram-sha-256\n')
    await server.stop()
  })
  afterAll(async () => {
    await server.remove()
    rmSync(dir, { recursive: true, force: true })
    delete process.env[addressVariable]
  })

  const at = (name: string) => join(dirname(server.logFile), name)
  const makeCertificate = (name: Certificate, ip: string) => {
    const [key, certificate] = [at(`${name}.key`), at(`${name}.crt`)]
    const files = ['-keyout', key, '-out', certificate]
    const names = ['-subj', '/CN=payments', '-addext', `subjectAltName=IP:${ip}`]
    const kind = ['-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1']
    execFileSync('openssl', ['req', ...kind, ...files, ...names], { stdio: 'ignore' })
    const { uid, gid } = statSync(at('data'))
    for (const file of [key, certificate]) {
      chownSync(file, uid, gid)
      chmodSync(file, 0o600)
    }
  }
  /** What a connector that trusts `trusted` finds at a server that shows `shown`. The URL asks for no TLS at all. */
  const standing = async (shown: Certificate | null, trusted: Certificate) => {
    const ssl = {
      ssl: 'on',
      ssl_cert_file: at(`${shown}.crt`),
      ssl_key_file: at(`${shown}.key`),
    }
    const settings = { listen_addresses: '*', ...(shown === null ? {} : ssl) }
    server = await startPostgres({ dir: join(dir, 'postgres'), settings })
    const url = new URL((await createPayments(server.superuserUrl)).connectorUrl)
    url.hostname = host
    url.search = 'sslmode=disable'
    process.env[addressVariable] = url.href
    const from = { url: { env: addressVariable }, caFile: at(`${trusted}.crt`) }
    try {
      const settings = { target: 'payments-pg', ...from }
      return await postgresConnector(settings, memoryPorts()).standing('payments-pg')
    } finally {
      await server.stop()
    }
  }

  test('the connector speaks TLS, whatever its URL asks for', async () => {
    await expect(standing('rightful', 'rightful')).resolves.toEqual([])
  })

  test('a server without TLS is not spoken to', async () => {
    await expect(standing(null, 'rightful')).rejects.toThrow('does not support SSL')
  })

  test('a certificate of another authority is refused', async () => {
    await expect(standing('rightful', 'foreign')).rejects.toThrow('self-signed certificate')
  })

  test('a certificate for another address is refused', async () => {
    await expect(standing('foreign', 'foreign')).rejects.toThrow(
      "not match certificate's altnames",
    )
  })
})

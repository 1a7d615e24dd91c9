import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { whyMissing } from '../../../../scripts/real-servers.ts'
import { answer, ldapCase, readMessage, tags } from '../../test/ldap-case.ts'
import { type LdapLab, openLdapLab } from '../../test/ldap-lab.ts'
import { describeAt, describeUnless } from '../../test/real-server.ts'

describeAt('OpenLDAP', () => {
  describeUnless(whyMissing('OpenSSL'), 'EN-25 TLS', () => {
    let dir: string
    let lab: LdapLab
    let bare: LdapLab
    let securePort: number
    const at = (name: string) => join(dir, name)

    beforeAll(async () => {
      dir = mkdtempSync(join(tmpdir(), 'halligan-ldap-tls-'))
      certify('rightful')
      certify('foreign')
      securePort = await freePort()
      lab = await openLdapLab({
        global: [
          `TLSCertificateFile ${at('server.crt')}`,
          `TLSCertificateKeyFile ${at('server.key')}`,
        ],
        listeners: [`ldaps://127.0.0.1:${securePort}/`],
      })
      bare = await openLdapLab()
    })
    afterEach(() => lab.proxy.release())
    afterAll(async () => {
      await lab.remove()
      await bare.remove()
      rmSync(dir, { recursive: true, force: true })
    })

    /** An authority, and for the rightful one a certificate for 127.0.0.1 by it. */
    const certify = (name: 'rightful' | 'foreign') => {
      const run = (...args: string[]) => execFileSync('openssl', args, { stdio: 'ignore' })
      const keyed = ['-newkey', 'rsa:2048', '-nodes', '-days', '1']
      const authority = ['-keyout', at(`${name}-ca.key`), '-out', at(`${name}-ca.crt`)]
      run('req', '-x509', ...keyed, ...authority, '-subj', `/CN=${name} authority`)
      if (name === 'foreign') return
      const signed = ['-CA', at(`${name}-ca.crt`), '-CAkey', at(`${name}-ca.key`)]
      const files = ['-keyout', at('server.key'), '-out', at('server.crt')]
      const names = ['-subj', '/CN=directory', '-addext', 'subjectAltName=IP:127.0.0.1']
      run('req', '-x509', ...keyed, ...files, ...names, ...signed)
    }
    const standing = (changed: Readonly<Record<string, unknown>>, of = lab) =>
      ldapCase(of, { changed }).connector.standing(of.target)
    const over = (changed: Readonly<Record<string, unknown>> = {}) => ({
      url: `ldaps://127.0.0.1:${securePort}`,
      caFile: at('rightful-ca.crt'),
      ...changed,
    })
    const upgraded = (changed: Readonly<Record<string, unknown>> = {}) => ({
      startTls: true,
      caFile: at('rightful-ca.crt'),
      ...changed,
    })

    test('a whole grant over ldaps, and over StartTLS', async () => {
      for (const changed of [over(), upgraded()]) {
        const led = ldapCase(lab, { privileges: ['entry:repair'], changed })
        await led.connector.open()
        await led.apply()
        expect(await led.connector.probePresent(led.grant, lab.target)).toBe(true)
        await led.finish()
        await led.connector.close()
      }
    })

    test.each([
      ['ldaps', () => over()],
      ['StartTLS', () => upgraded()],
    ])('a certificate of another authority is refused over %s', async (_, changed) => {
      const untrusted = { ...changed(), caFile: at('foreign-ca.crt') }
      await expect(standing(untrusted)).rejects.toThrow(
        /unable to (verify|get)|self-signed/,
      )
    })

    test.each([
      ['ldaps', () => over({ url: `ldaps://localhost:${securePort}` })],
      ['StartTLS', () => upgraded({ url: `ldap://localhost:${lab.server.port}` })],
    ])('a certificate for another name is refused over %s', async (_, changed) => {
      await expect(standing(changed())).rejects.toThrow(
        "does not match certificate's altnames",
      )
    })

    test('a directory without StartTLS is not spoken to', async () => {
      await expect(standing(upgraded(), bare)).rejects.toThrow('cannot reach')
    })

    test('whoever strips StartTLS on the way is sent no password', async () => {
      const seen: (number | undefined)[] = []
      lab.proxy.intercept((bytes) => {
        const message = readMessage(bytes)
        seen.push(message?.tag)
        const isUpgrade = bytes.includes('1.3.6.1.4.1.1466.20037')
        return isUpgrade && message !== null ? answer(message.id, 0x78, 2) : 'pass'
      })
      await expect(standing(upgraded())).rejects.toThrow('cannot reach')
      expect(seen).toHaveLength(1)
      expect(seen).not.toContain(tags.bind)
    })
  })
})

const freePort = (): Promise<number> =>
  new Promise((done, fail) => {
    const probe = createServer()
    probe.once('error', fail).listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() =>
        typeof address === 'object' && address !== null ? done(address.port) : fail(),
      )
    })
  })

/**
 * Authorities and certificates that are made for a test, by `openssl`.
 *
 * @module
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export type Certificates = Readonly<{
  /** Of the authority that signed, and of another one. */
  ours: string
  foreign: string
  /** For `names`, such as `IP:127.0.0.1` or `DNS:localhost`. */
  of(names: string): Readonly<{ certFile: string; keyFile: string }>
  remove(): void
}>

export function makeCertificates(): Certificates {
  const dir = mkdtempSync(join(tmpdir(), 'halligan-tls-'))
  const at = (name: string) => join(dir, name)
  const make = (name: string, ...args: readonly string[]) => {
    const [certFile, keyFile] = [at(`${name}.crt`), at(`${name}.key`)]
    const keyed = ['-newkey', 'rsa:2048', '-nodes', '-days', '1', '-subj', `/CN=${name}`]
    const files = ['-keyout', keyFile, '-out', certFile]
    execFileSync('openssl', ['req', '-x509', ...keyed, ...files, ...args], {
      stdio: 'ignore',
    })
    return { certFile, keyFile }
  }
  const [ours, foreign] = [make('ours'), make('foreign')]
  let made = 0
  return {
    ours: ours.certFile,
    foreign: foreign.certFile,
    of: (names) => {
      made += 1
      const signed = ['-CA', ours.certFile, '-CAkey', ours.keyFile]
      return make(`server${made}`, ...signed, '-addext', `subjectAltName=${names}`)
    },
    remove: () => rmSync(dir, { recursive: true, force: true }),
  }
}

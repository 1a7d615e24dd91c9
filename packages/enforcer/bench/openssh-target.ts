import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { enforcerBooks } from '../test/enforcer-books.ts'
import { labTarget, type OpensshLab } from '../test/openssh-lab.ts'
import type { BenchTarget } from './connector-bench.ts'

const run = promisify(execFile)

/** The bare client: `ssh-keygen` for a key, a certificate and a revocation list, one after the other, and no host. */
export const opensshTarget = (lab: OpensshLab): BenchTarget => ({
  kind: 'openssh',
  target: labTarget,
  privileges: ['login:deploy'],
  connector: lab.connector(enforcerBooks()),
  bare: async (n) => {
    const dir = await mkdtemp(join(tmpdir(), 'halligan-bench-'))
    const at = (name: string) => join(dir, name)
    const ca = lab.server.caKeyFile
    try {
      const start = performance.now()
      await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at('key')])
      const about = ['-I', `bench-${n}`, '-n', 'deploy', '-V', '+5m', '-z', String(n)]
      await run('ssh-keygen', ['-q', '-s', ca, ...about, at('key.pub')])
      const open = performance.now()
      await run('ssh-keygen', ['-k', '-q', '-f', at('krl'), at('key-cert.pub')])
      await run('ssh-keygen', ['-Q', '-f', at('krl'), at('key-cert.pub')]).catch(() => null)
      return { open: open - start, end: performance.now() - open }
    } finally {
      await rm(dir, { recursive: true })
    }
  },
})

import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sshOptions } from '../src/connectors/openssh-host.ts'
import { mustRun, run } from '../src/connectors/openssh-program.ts'
import { enforcerBooks } from '../test/enforcer-books.ts'
import { labTarget, type OpensshLab } from '../test/openssh-lab.ts'
import type { BenchTarget } from './connector-bench.ts'
import { numbered } from './connector-bench.ts'

/**
 * The bare client: `ssh-keygen` and `ssh` in a shell's order, with the same words to the host's helper. A new connection each,
 * where the connector admits on the one that it holds.
 */
export const opensshTarget = (lab: OpensshLab): BenchTarget => ({
  kind: 'openssh',
  target: labTarget,
  privileges: ['login:deploy'],
  connector: lab.connector(enforcerBooks()),
  bare: async (n) => {
    const folder = await mkdtemp(join(tmpdir(), 'halligan-bare-'))
    const key = join(folder, 'key')
    const grant = numbered(n + 20_000)
    const [now, serial] = [Date.now(), String(n + 1)]
    const until = String(Math.floor(now / 1000) + 900)
    const { port, hostKey, keyFile, caKeyFile } = lab.server
    const own = { name: 'web', host: '127.0.0.1', port, hostKey, local: false }
    const options = sshOptions({ ...own, reach: own })
    const as = (account: string, file: string, verb: string) =>
      ['ssh', ...options, '-l', account, '-i', file, '--', own.host, verb] as const
    const start = performance.now()
    await mustRun(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', key])
    const what = ['-I', grant, '-n', 'deploy', '-z', serial, '-V', '+15m', '-O', 'clear']
    await mustRun(['ssh-keygen', '-q', '-s', caKeyFile, ...what, `${key}.pub`])
    const admit = ['admit', grant, serial, now + 60_000, until, 0, 0, 0, 'deploy'].join(' ')
    const said = await mustRun(as('root', keyFile, 'hold'), { input: `${admit}\n` })
    if (!said.includes('admitted')) throw new Error(said)
    const open = performance.now()
    await mustRun(as('root', keyFile, `end ${grant} ${until} ${serial}`))
    const input = `${await readFile(`${key}-cert.pub`, 'utf8')}\n`
    await mustRun(as('root', keyFile, `probe ${grant}`), { input })
    const { status } = await run(as('deploy', key, 'exit'))
    if (status !== 255) throw new Error('the certificate still opens the host')
    const over = performance.now()
    await rm(folder, { recursive: true })
    return { open: open - start, end: over - open }
  },
})

/**
 * A host with a real sshd and a connector at it. Certificates let into deploy and dba; ops has a key of its own in deploy's
 * account, a standing right that no grant gives.
 *
 * @module
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { whyMissing } from '../../../scripts/real-servers.ts'
import { whyNoLinuxHost } from '../../cli/src/estate/linux-host.ts'
import {
  letIn,
  type OpensshServer,
  startOpenssh,
} from '../../cli/src/estate/openssh-server.ts'
import { opensshConnector } from '../src/connectors/openssh.ts'
import { opensshSettings } from '../src/connectors/openssh-settings.ts'
import type { Connector, Credential } from '../src/connectors/port.ts'
import type { Lent } from './enforcer-books.ts'
import { describeUnless } from './real-server.ts'

export const labTarget = 'payments-hosts'
export const labAccounts = ['deploy', 'dba'] as const

export const labProfiles = {
  deploy: { principals: ['deploy'] },
  dba: { principals: ['dba'] },
  tunnels: { principals: ['deploy'], portForwarding: true },
  terminal: { principals: ['deploy'], pty: true, record: true },
  recorded: { principals: ['deploy'], record: true },
  fixed: { principals: ['deploy'], record: true, forceCommand: `printf '%s' "it's $USER"` },
  elsewhere: { principals: ['deploy'], sourceAddress: ['192.0.2.0/24', '2001:db8::/32'] },
} as const

const run = promisify(execFile)

export type Session = Readonly<{
  process: ChildProcess
  /** What the command printed in a session that is open; throws when the session is gone. */
  ask(command: string): Promise<string>
  isGone(): boolean
  leave(): Promise<void>
}>

export type OpensshLab = Readonly<{
  server: OpensshServer
  settings(change?: Readonly<Record<string, unknown>>): Record<string, unknown>
  connector(lent: Lent, change?: Readonly<Record<string, unknown>>): Connector
  /** Words of `ssh` with the credential in files, as its holder uses it, up to and without the destination. */
  words(credential: Credential): Promise<readonly string[]>
  /** Runs one command as the credential's holder; throws with sshd's words when it is not let in. */
  login(credential: Credential, command?: string, more?: readonly string[]): Promise<string>
  /** A shell without a terminal that stays. */
  enter(credential: Credential): Promise<Session>
  /** Shell commands of root's on the host. */
  sh(script: string): Promise<string>
  standingRightWorks(): Promise<boolean>
  /** The enforcer's process dies: its connections to the host are cut. */
  crash(): Promise<void>
  remove(): Promise<void>
}>

/** Skipped, saying why, where this machine lets us have no host of our own; in continuous integration it fails. */
export function describeAtSshd(suite: () => void): void {
  const why = whyMissing('OpenSSH') ?? whyNoLinuxHost()
  describeUnless(why, 'OpenSSH', suite)
}

export async function openOpensshLab(
  keys?: Pick<OpensshServer, 'caKeyFile' | 'keyFile'>,
): Promise<OpensshLab> {
  const dir = mkdtempSync(join(tmpdir(), 'halligan-openssh-'))
  const server = await startOpenssh({
    dir: join(dir, 'server'),
    accounts: labAccounts,
    ...(keys === undefined ? {} : { keys }),
  })
  const opsKey = join(dir, 'ops')
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'ops', '-f', opsKey])
  const opsLine = (await readFile(`${opsKey}.pub`, 'utf8')).trim()
  await letIn(server.host, 'deploy', '/mnt/deploy', opsLine)
  const sh = (script: string) => server.host.run(['sh', '-ec', script])
  let written = 0

  const client = [
    ...['-F', 'none', '-o', 'BatchMode=yes', '-o', 'IdentitiesOnly=yes'],
    ...[
      '-o',
      'GlobalKnownHostsFile=none',
      '-o',
      'LogLevel=ERROR',
      '-o',
      'ConnectTimeout=5',
    ],
  ]
  const settings = (change: Readonly<Record<string, unknown>> = {}) => ({
    kind: 'openssh',
    target: labTarget,
    ca: { file: server.caKeyFile },
    key: { file: server.keyFile },
    hosts: { web: { host: '127.0.0.1', port: server.port, hostKey: server.hostKey } },
    helper: server.helper,
    state: server.state,
    profiles: labProfiles,
    ...change,
  })
  const words = async (credential: Credential) => {
    written += 1
    const folder = join(dir, `login-${written}`)
    await mkdir(folder, { mode: 0o700 })
    const at = (name: string) => join(folder, name)
    await writeFile(at('key'), credential.SSH_PRIVATE_KEY ?? '', { mode: 0o600 })
    await writeFile(at('key-cert.pub'), `${credential.SSH_CERTIFICATE}\n`)
    await writeFile(at('known_hosts'), `${credential.SSH_KNOWN_HOSTS}\n`)
    return [...client, '-o', `UserKnownHostsFile=${at('known_hosts')}`, '-i', at('key')]
  }
  const destination = ({ SSH_DESTINATIONS = '' }: Credential) =>
    SSH_DESTINATIONS.split('\n')[0] ?? ''
  return {
    server,
    settings,
    connector: (lent, change) => opensshConnector(opensshSettings(settings(change)), lent),
    words,
    login: async (credential, command = 'id -un', more = []) => {
      const own = await words(credential)
      const all = [...own, ...more, destination(credential), command]
      return (await run('ssh', all, { timeout: 20_000 })).stdout
    },
    enter: async (credential) =>
      sessionOf([...(await words(credential)), destination(credential), 'sh']),
    sh,
    standingRightWorks: async () => {
      const known = join(dir, 'known_hosts')
      await writeFile(known, `[127.0.0.1]:${server.port} ${server.hostKey}\n`)
      const own = [...client, '-o', `UserKnownHostsFile=${known}`, '-i', opsKey]
      const { stdout } = await run('ssh', [
        ...own,
        `ssh://deploy@127.0.0.1:${server.port}`,
        'id -un',
      ])
      return stdout.trim() === 'deploy'
    },
    crash: async () => {
      await sh(`for pid in $(grep -lz '^SSH_ORIGINAL_COMMAND=hold$' /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3)
        do kill -KILL $pid; done; true`)
    },
    remove: async () => {
      await server.remove()
      await rm(dir, { recursive: true })
    },
  }
}

/** Resolves when the session answers; throws sshd's words when it is not let in. */
async function sessionOf(words: readonly string[]): Promise<Session> {
  const shell = spawn('ssh', words, { stdio: ['pipe', 'pipe', 'pipe'] })
  shell.stdin.on('error', () => undefined)
  let [text, errors, serial] = ['', '', 0]
  shell.stdout.on('data', (more) => {
    text += more
  })
  shell.stderr.on('data', (more) => {
    errors += more
  })
  const isGone = () => shell.exitCode !== null || shell.signalCode !== null
  const ask = async (command: string): Promise<string> => {
    serial += 1
    const mark = `answered ${serial}\n`
    const from = text.length
    shell.stdin.write(`${command}\necho "${mark.trim()}"\n`)
    const deadline = performance.now() + 10_000
    while (!text.slice(from).endsWith(mark)) {
      if (isGone()) throw new Error(`the session is gone: ${errors}`)
      if (performance.now() > deadline) throw new Error('the session does not answer')
      await pause(5)
    }
    return text.slice(from, -mark.length)
  }
  await ask(':')
  return {
    process: shell,
    ask,
    isGone,
    leave: async () => {
      if (isGone()) return
      const over = new Promise((done) => shell.once('exit', done))
      shell.stdin.end()
      await over
    },
  }
}

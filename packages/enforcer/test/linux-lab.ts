/**
 * A Linux host of its own with a connector at it. People are ada and bob, whose accounts may do nothing of their own, and
 * ops, who has standing rights.
 *
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readlinkSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { whyMissing } from '../../../scripts/real-servers.ts'
import {
  type LinuxHostServer,
  startLinuxHost,
  whyNoLinuxHost,
} from '../../cli/src/estate/linux-host.ts'
import { linuxConnector } from '../src/connectors/linux.ts'
import { run } from '../src/connectors/linux-host.ts'
import { lockFile } from '../src/connectors/linux-lock.ts'
import { linuxSettings } from '../src/connectors/linux-settings.ts'
import { programFolders } from '../src/connectors/linux-snapshot.ts'
import type { Connector } from '../src/connectors/port.ts'
import type { Lent } from './enforcer-books.ts'
import { describeUnless } from './real-server.ts'

export const labTarget = 'payments-host'

export const accountOf = { ada: 'ada-adm', bob: 'bob-adm' } as const

export const labSettings = {
  kind: 'linux',
  target: labTarget,
  accounts: accountOf,
  groups: { 'payments-ops': { members: ['ops'] }, 'payments-admin': {} },
  sudo: {
    read_ledger: {
      runAs: ['root'],
      commands: ['/usr/bin/cat /mnt/ledger'],
      noPassword: true,
    },
    read_books: {
      runAs: ['root'],
      commands: ['/usr/bin/cat /mnt/books', '/usr/bin/tail -f /mnt/books'],
      noPassword: true,
      log: true,
    },
    with_password: { runAs: ['root'], commands: ['/usr/bin/cat /mnt/ledger'] },
    anything: {
      runAs: ['root'],
      commands: ['ALL'],
      noPassword: true,
      unendable: true,
    },
  },
} as const

/** A login shell that stays. */
export type Shell = Readonly<{
  process: ChildProcess
  /** What the command printed; throws when it failed or the shell is gone. */
  ask(command: string): Promise<string>
  can(command: string): Promise<boolean>
  leave(): Promise<void>
}>

export type LinuxLab = Readonly<{
  host: LinuxHostServer
  connector(lent: Lent, settings?: Readonly<Record<string, unknown>>): Connector
  /** As `login` does it: the account's groups are read anew. */
  login(account: string): Promise<Shell>
  /** Shell commands of root's on the host. */
  sh(script: string): Promise<string>
  /** The enforcer's process dies: what held the lock for it ends. */
  crash(): Promise<void>
  remove(): Promise<void>
}>

/** The suite at a host of its own. Where there can be none, it is skipped, and says why; in continuous integration it fails. */
export function describeOnLinuxHost(suite: () => void): void {
  const why = whyMissing('sudo') ?? whyNoLinuxHost()
  describeUnless(why, 'sudo', suite)
}

/** A disk with much on it, and many who read it. */
const millisToRead = 100_000

export async function openLinuxLab(): Promise<LinuxLab> {
  const dir = mkdtempSync(join(tmpdir(), 'halligan-linux-'))
  const host = await startLinuxHost({ dir: join(dir, 'host') })
  const sh = (script: string) => host.run(['sh', '-ec', script])
  for (const account of ['ada-adm', 'bob-adm', 'ops']) await host.addAccount(account)
  await sh(`groupadd payments-ops; groupadd payments-admin; gpasswd -a ops payments-ops
    echo open > /mnt/ledger; chgrp payments-ops /mnt/ledger; chmod 640 /mnt/ledger
    echo open > /mnt/books; chgrp payments-admin /mnt/books; chmod 640 /mnt/books`)
  await writeFile(
    join(dir, 'host/etc/sudoers.d/ops'),
    'ops ALL = (root) NOPASSWD: /usr/bin/cat /mnt/ledger\n',
    { mode: 0o440 },
  )
  // What a machine reads for the first time may take longer than a snapshot waits for it.
  const reading = ['find', ...programFolders, '-xdev', '-perm', '/6000'] as const
  await run(host, reading, millisToRead)
  return {
    host,
    connector: (lent, settings = {}) =>
      linuxConnector(linuxSettings({ ...labSettings, ...settings }), lent, host),
    login: (account) => shellOf(host, account),
    sh,
    crash: async () => killHolders(host),
    remove: async () => {
      await host.remove()
      await rm(dir, { recursive: true })
    },
  }
}

function killHolders(host: LinuxHostServer): void {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name)))
    if (opens(pid, host)) process.kill(Number(pid), 'SIGKILL')
}

/** Of this machine's processes, those in the host that have the lock's file open. */
function opens(pid: string, host: LinuxHostServer): boolean {
  try {
    const inside = readlinkSync(`/proc/${pid}/ns/mnt`)
    if (inside !== readlinkSync(`${host.root().replace('/root', '')}/ns/mnt`)) return false
    return readdirSync(`/proc/${pid}/fd`).some((fd) =>
      readlinkSync(`/proc/${pid}/fd/${fd}`).endsWith(lockFile),
    )
  } catch (error) {
    if (error instanceof Error && 'code' in error) return false
    throw error
  }
}

/** `nsenter` stops with the child it sees stopped, for good: it sees another. */
const apart = 'exec 3<&0; "$@" <&3 3<&- & exec 3<&- </dev/null; wait $!'

async function shellOf(host: LinuxHostServer, account: string): Promise<Shell> {
  const as = ['--reuid', account, '--regid', account, '--init-groups', '--reset-env']
  const shellWords = ['sh', '-c', apart, 'sh', 'setpriv', ...as, '/bin/sh']
  const [first = '', ...rest] = [...host.before(), ...shellWords]
  const shell = spawn(first, rest, { cwd: '/', stdio: ['pipe', 'pipe', 'pipe'] })
  shell.stdin.on('error', () => undefined)
  shell.stderr.resume()
  let serial = 0
  const gone = new Promise<never>((_, fail) =>
    shell.once('exit', () => fail(new Error(`the shell of ${account} is gone`))),
  )
  gone.catch(() => undefined)
  const ask = async (command: string): Promise<string> => {
    serial += 1
    const mark = `answered ${serial} `
    shell.stdin.write(`{ ${command}\n} < /dev/null 2>&1; echo "${mark}$?"\n`)
    let text = ''
    const answer = new Promise<string>((done, fail) => {
      const listen = (more: Buffer) => {
        text += more
        const at = text.indexOf(mark)
        if (at < 0 || !text.endsWith('\n')) return
        shell.stdout.off('data', listen)
        if (text.slice(at + mark.length).trim() === '0') done(text.slice(0, at))
        else fail(new Error(`${command}: ${text.slice(0, at)}`))
      }
      shell.stdout.on('data', listen)
    })
    return Promise.race([answer, gone])
  }
  return {
    process: shell,
    ask,
    can: (command) =>
      ask(command).then(
        () => true,
        () => false,
      ),
    leave: async () => {
      if (shell.exitCode !== null || shell.signalCode !== null) return
      const over = new Promise((done) => shell.once('exit', done))
      shell.stdin.end()
      await over
    },
  }
}

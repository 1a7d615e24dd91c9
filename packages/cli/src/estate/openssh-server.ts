/**
 * A real sshd on a Linux host of its own, set up as `docs/connectors/openssh.md` tells an operator to: accounts that let in
 * certificates of one authority, and an enforcer's key that is forced to the host's helper. Only root can have one.
 *
 * @module
 */
import { execFile } from 'node:child_process'
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type LinuxHostServer, startLinuxHost } from './linux-host.ts'
import { freePort } from './server-process.ts'

export type OpensshServer = Readonly<{
  host: LinuxHostServer
  port: number
  /** As a line of `known_hosts` has it, after the name. */
  hostKey: string
  /** The authority whose certificates the accounts let in; its private key is the enforcer's. */
  caKeyFile: string
  /** The enforcer's own key. */
  keyFile: string
  /** Paths on the host. */
  helper: string
  state: string
  log(): Promise<string>
  /** Stops listening, as a restart of sshd does: sessions go on. */
  stopListening(): Promise<void>
  listen(): Promise<void>
  /** As a power cut. */
  kill(): Promise<void>
  restart(): Promise<void>
  remove(): Promise<void>
}>

export type OpensshOptions = Readonly<{
  dir: string
  /** Accounts that certificates let in. */
  accounts: readonly string[]
  /** An authority and an enforcer's key made before, for a second host of the same target. */
  keys?: Pick<OpensshServer, 'caKeyFile' | 'keyFile'>
}>

const run = promisify(execFile)
const helpers = fileURLToPath(new URL('../../../enforcer/host/', import.meta.url))
const folder = '/run/halligan'
const helper = `${folder}/halligan-host`
const state = `${folder}/state`

/** Resolves once sshd listens. */
export async function startOpenssh(options: OpensshOptions): Promise<OpensshServer> {
  const dir = resolve(options.dir)
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const host = await startLinuxHost({ dir: join(dir, 'host') })
  const port = await freePort()
  const { caKeyFile, keyFile } = options.keys ?? (await makeKeys(dir))
  const inside = join(dir, 'host/run/halligan')
  await mkdir(inside, { mode: 0o755 })
  for (const name of ['halligan-host', 'halligan-record'])
    await copyFile(join(helpers, name), join(inside, name))
  await copyFile(`${caKeyFile}.pub`, join(inside, 'ca.pub'))
  await run('ssh-keygen', keygen(join(inside, 'host_key')))
  await writeFile(join(dir, 'host/etc/ssh/sshd_config'), configured(port, options.accounts))
  for (const account of options.accounts) await addAccount(host, account)
  await letIn(host, 'root', '/mnt/root', await enforcersLine(keyFile))

  const cgroup = `halligan-${process.pid}-${port}`
  const boot = async () => {
    const prepare = `mkdir -p /run/sshd /run/cgroup; mount -t cgroup2 none /run/cgroup
      ${helper} ${state} install ${folder}/ca.pub
      echo CGROUP=/run/cgroup/${cgroup} >${state}/host.conf`
    await host.run(['sh', '-ec', prepare])
    await listen()
  }
  const listen = async () => {
    await host.run(['/usr/sbin/sshd', '-E', `${folder}/sshd.log`])
    const pidFile = join(dir, 'host/run/sshd.pid')
    while ((await readFile(pidFile, 'utf8').catch(() => '')) === '') await pause(10)
  }
  const stopListening = async () => {
    await host.run(['sh', '-c', 'kill "$(cat /run/sshd.pid)"; rm -f /run/sshd.pid'])
  }
  const kill = async () => {
    await host.kill()
    await writeFile(join(dir, 'host/run/sshd.pid'), '')
  }
  await boot()
  return {
    ...{ host, port, helper, state, stopListening, listen, kill },
    ...{ caKeyFile, keyFile },
    hostKey: bare(await readFile(join(inside, 'host_key.pub'), 'utf8')),
    log: () => readFile(join(inside, 'sshd.log'), 'utf8'),
    restart: async () => {
      await kill()
      await host.restart()
      await boot()
    },
    remove: async () => {
      const sweep = `find /run/cgroup/${cgroup} -depth -type d -exec rmdir {} + || true
        chattr -a ${state}/records/* || true`
      await stopListening()
      await host.run(['sh', '-c', sweep])
      await host.remove()
    },
  }
}

/** Without a password, and not locked either: without PAM, sshd lets nobody into an account that is locked. */
export async function addAccount(host: LinuxHostServer, name: string): Promise<void> {
  await host.addAccount(name)
  await host.run(['usermod', '-p', '*', name])
}

/** An account's own key, whoever may use it: a standing right that no grant gives. */
export async function letIn(
  host: LinuxHostServer,
  account: string,
  home: string,
  line: string,
): Promise<void> {
  const script = `install -d -m 700 -o "$1" "$2/.ssh"
    printf '%s\\n' "$3" >>"$2/.ssh/authorized_keys"; chown "$1" "$2/.ssh/authorized_keys"`
  await host.run(['sh', '-ec', script, 'sh', account, home, line])
}

async function makeKeys(dir: string) {
  const [caKeyFile, keyFile] = [join(dir, 'ca'), join(dir, 'enforcer')]
  for (const file of [caKeyFile, keyFile]) await run('ssh-keygen', keygen(file))
  return { caKeyFile, keyFile }
}

const keygen = (file: string) => [
  ...['-q', '-t', 'ed25519', '-N', '', '-C', 'halligan', '-f', file],
]

const enforcersLine = async (keyFile: string) =>
  `restrict,command="${helper} ${state} serve" ${bare(await readFile(`${keyFile}.pub`, 'utf8'))}`

/** Without the comment. */
const bare = (key: string) => key.trim().split(' ').slice(0, 2).join(' ')

const configured = (port: number, accounts: readonly string[]) => `Port ${port}
ListenAddress 127.0.0.1
HostKey ${folder}/host_key
PidFile /run/sshd.pid
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
MaxStartups 100:30:200
Subsystem sftp /usr/lib/openssh/sftp-server
PermitRootLogin forced-commands-only
Match User root
  ClientAliveInterval 5
  ClientAliveCountMax 3
Match User ${accounts.join(',')}
  TrustedUserCAKeys ${state}/ca.pub
  RevokedKeys ${state}/krl
  AuthorizedPrincipalsCommand ${helper} ${state} gate %s %u %i
  AuthorizedPrincipalsCommandUser root
`

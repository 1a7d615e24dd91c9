/**
 * What the heavy suites need that npm does not bring: real servers to run against, and tools that break things. Run as a program, it
 * says what this machine lacks, so which suites will be skipped, and the command that installs it. It never fails.
 *
 * @module
 */
import { spawnSync } from 'node:child_process'
import { accessSync, constants, globSync } from 'node:fs'
import { join } from 'node:path'

export type RealServer = Readonly<{
  /** Programs that the suites start, each found on the path or in the places of Debian's daemons. */
  programs: readonly string[]
  /** Libraries that the suites preload, below Debian's folder for this machine's kind. */
  libraries?: readonly string[]
  /** Debian's packages that bring them. */
  packages: readonly string[]
}>

export const realServers = {
  MariaDB: { programs: ['mariadbd', 'mariadb-install-db'], packages: ['mariadb-server'] },
  Redis: { programs: ['redis-server', 'redis-cli'], packages: ['redis-server'] },
  OpenSSH: {
    programs: ['sshd', 'ssh', 'ssh-keygen', 'script'],
    packages: ['openssh-server', 'openssh-client', 'bsdutils'],
  },
  OpenLDAP: { programs: ['slapd', 'slapadd'], packages: ['slapd', 'ldap-utils'] },
  sudo: {
    programs: ['sudo', 'visudo', 'gpasswd', 'unshare'],
    packages: ['sudo', 'passwd', 'util-linux'],
  },
  Python: { programs: ['python3'], packages: ['python3'] },
  ShellCheck: { programs: ['shellcheck'], packages: ['shellcheck'] },
  OpenSSL: { programs: ['openssl'], packages: ['openssl'] },
  strace: { programs: ['strace'], packages: ['strace'] },
  libfaketime: {
    programs: [],
    libraries: ['faketime/libfaketime.so.1', 'faketime/libfaketimeMT.so.1'],
    packages: ['libfaketime'],
  },
} as const satisfies Readonly<Record<string, RealServer>>

export type RealServerName = keyof typeof realServers

const daemonFolders = ['/usr/sbin', '/sbin', '/usr/local/sbin']

/** The program's path, or null where this machine has none. */
export function programPath(name: string): string | null {
  const folders = [...(process.env.PATH ?? '').split(':'), ...daemonFolders]
  return folders.map((folder) => join(folder, name)).find(isExecutable) ?? null
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** The library's path, or null where this machine has none. */
export const libraryPath = (name: string): string | null =>
  globSync(join('/usr/lib/*', name))[0] ?? null

export function isInstalled(name: RealServerName): boolean {
  const { programs, libraries = [] }: RealServer = realServers[name]
  return (
    programs.every((program) => programPath(program) !== null) &&
    libraries.every((library) => libraryPath(library) !== null)
  )
}

export const howToInstall = (names: readonly RealServerName[]): string =>
  `apt-get install --no-install-recommends ${names.flatMap((name) => realServers[name].packages).join(' ')}`

/** In words, with the command that installs it; null where it is installed. */
export const whyMissing = (name: RealServerName): string | null =>
  isInstalled(name) ? null : `${name} is not installed: ${howToInstall([name])}`

/** Null where this process may mount file systems, in a mount namespace of its own too; else in words why not. */
export function whyNoMounts(uid = process.getuid?.()): string | null {
  if (uid !== 0) return 'only root may mount a file system: run it as root'
  return spawnSync('unshare', ['-m', 'true']).status === 0
    ? null
    : 'this machine allows no mount namespaces (unshare -m)'
}

/** In words, or null where nothing is missing. */
export function whatIsSkipped(): string | null {
  const names = Object.keys(realServers) as RealServerName[]
  const missing = names.filter((name) => !isInstalled(name))
  const noMounts = whyNoMounts()
  const lines = [
    ...(missing.length === 0 ? [] : [`not installed: ${missing.join(', ')}.`]),
    ...(noMounts === null ? [] : [`${noMounts}.`]),
  ]
  if (lines.length === 0) return null
  return [
    ...lines,
    'npm run test:heavy skips the suites that need this.',
    ...(missing.length === 0 ? [] : [`To install it:  ${howToInstall(missing)}`]),
  ].join('\n')
}

if (import.meta.main) {
  const words = whatIsSkipped()
  if (words !== null) console.log(words)
}

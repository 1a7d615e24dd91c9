/**
 * The real servers that the heavy suites run against, and the one linter, that npm does not bring. Run as a program, it says which of them
 * this machine lacks, so which suites will be skipped, and the command that installs them. It never fails.
 *
 * @module
 */
import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'

export type RealServer = Readonly<{
  /** Programs that the suites start, each found on the path or in the places of Debian's daemons. */
  programs: readonly string[]
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

export const isInstalled = (name: RealServerName): boolean =>
  realServers[name].programs.every((program) => programPath(program) !== null)

export const howToInstall = (names: readonly RealServerName[]): string =>
  `apt-get install --no-install-recommends ${names.flatMap((name) => realServers[name].packages).join(' ')}`

/** In words, or null where nothing is missing. */
export function whatIsSkipped(): string | null {
  const names = Object.keys(realServers) as RealServerName[]
  const missing = names.filter((name) => !isInstalled(name))
  if (missing.length === 0) return null
  return [
    `not installed: ${missing.join(', ')}. npm run test:heavy skips the suites that need them.`,
    `To run these too:  ${howToInstall(missing)}`,
  ].join('\n')
}

if (import.meta.main) {
  const words = whatIsSkipped()
  if (words !== null) console.log(words)
}

/**
 * All by which somebody who was root, or in a group, may come back: who may log in, who may become root, what runs by
 * itself, and what runs as another. Secrets are never in it, only whether they changed.
 *
 * @module
 */
import { lstatSync } from 'node:fs'
import { digest, inHome, keysIn, type Ration, tree } from './linux-files.ts'
import { isMissing, type LinuxHost, readHostFile, run } from './linux-host.ts'
import type { Notes } from './linux-note.ts'
import type { LinuxSettings } from './linux-settings.ts'
import { gave } from './linux-strangers.ts'
import { grantOfFile } from './linux-sudoers.ts'
import { homeFiles, homeKeys, watched } from './linux-watched.ts'
import type { Difference, Held, Snapshot } from './port.ts'
import {
  differenceOf as differenceOfRows,
  incomplete,
  type Row,
  snapshotOf,
} from './snapshot-rows.ts'

const mostRows = 20_000
/** Only root writes there. */
const rationOfSystem: Ration = {
  entries: Number.POSITIVE_INFINITY,
  bytes: Number.POSITIVE_INFINITY,
}
const millisToFind = 15_000

/** What grants of ours that are not over have made is not in it: those have their own orders and receipts. */
export async function takeSnapshot(
  host: LinuxHost,
  settings: LinuxSettings,
  notes: Notes,
  held: readonly Held[],
): Promise<Snapshot> {
  const isOurs = (account: string, group: string) =>
    held.some(({ grant }) => gave(notes.memberships(grant), account, group))
  const isOurRule = (path: string) => {
    const grant = grantOfFile(path.replace('/etc/sudoers.d/', '').replace(/\.new$/, ''))
    return held.some((other) => other.grant === grant)
  }
  const accounts = linesOf(host, '/etc/passwd')
  const homes = accounts.map(([name = '', , , , , home = '']) => ({ name, home }))
  const own = new Set(['root', ...settings.accounts.values()])
  const rows: Row[] = [
    ...accounts.map(([name = '', , ...rest]): Row => ['account', name, rest.join(':')]),
    ...secretsIn(host, '/etc/shadow', 'password'),
    ...secretsIn(host, '/etc/gshadow', 'group_password'),
    ...membersIn(host, isOurs),
    ...watched.flatMap(([kind, paths]) =>
      paths
        .flatMap((path) => tree(host, kind, path, rationOfSystem))
        .filter(([, path]) => !isOurRule(path)),
    ),
    ...homes.flatMap(({ home }) =>
      inHome(home, 'authorized_key', (ration) =>
        homeKeys.flatMap((file) => keysIn(host, `${home}/${file}`, ration)),
      ),
    ),
    ...homes
      .filter(({ name }) => own.has(name))
      .flatMap(({ home }) =>
        inHome(home, 'home_file', (ration) =>
          homeFiles.flatMap((file) => tree(host, 'home_file', `${home}/${file}`, ration)),
        ),
      ),
    ...(await elevating(
      host,
      homes.map(({ home }) => home),
    )),
  ]
  const fitting = rows.slice(0, mostRows)
  return snapshotOf(
    rows.length > mostRows ? [...fitting, [incomplete, 'rows', '']] : fitting,
  )
}

const linesOf = (host: LinuxHost, path: string): readonly (readonly string[])[] =>
  (readHostFile(host, path) ?? '')
    .split('\n')
    .filter((line) => line.length > 0)
    .map((line) => line.split(':'))

/** A hash of what is a salted hash already: it tells that a password changed, and nothing of it. */
const secretsIn = (host: LinuxHost, path: string, kind: string): readonly Row[] =>
  linesOf(host, path).map(([name = '', secret = '', ...rest]) => {
    const shown = /^[!*]*$/.test(secret) ? secret || 'empty' : digest(secret)
    const more = kind === 'password' ? rest.slice(1).join(':') : (rest[0] ?? '')
    return [kind, name, `${shown} ${more}`]
  })

const membersIn = (
  host: LinuxHost,
  isOurs: (account: string, group: string) => boolean,
): readonly Row[] =>
  linesOf(host, '/etc/group').flatMap(([group = '', , gid = '', members = '']) => [
    ['group', group, gid] as const,
    ...members
      .split(',')
      .filter((member) => member !== '' && !isOurs(member, group))
      .map((member) => ['member', `${member} in ${group}`, ''] as const),
  ])

function attempt<T>(read: () => T): T | null {
  try {
    return read()
  } catch (error) {
    if (isMissing(error)) return null
    throw error
  }
}

/** Where programs are looked for, beside the homes. */
export const programFolders =
  '/usr /opt /etc /srv /tmp /var/tmp /dev/shm /home /root'.split(' ')

/** Programs that run as their owner or group, or with capabilities, whoever starts them. */
async function elevating(
  host: LinuxHost,
  homes: readonly string[],
): Promise<readonly Row[]> {
  const owned = homes.filter(
    (home) => !/^\/(proc|sys|dev|run|var|usr|bin|sbin|nonexistent)?(\/|$)/.test(home),
  )
  const folders = [...new Set([...programFolders, ...owned])].filter(
    (folder) => attempt(() => lstatSync(host.root() + folder))?.isDirectory() === true,
  )
  const found = await run(
    host,
    [
      'find',
      ...folders,
      ...['-xdev', '-type', 'f', '-perm', '/6000'],
      ...['-printf', '%m %U:%G %s %T@ %p\\0'],
    ],
    millisToFind,
  ).catch(() => null)
  if (found === null) return [[incomplete, 'setuid', '']]
  return found.stdout
    .split('\0')
    .filter(Boolean)
    .map((line) => {
      const [mode = '', who = '', size = '', changed = '', ...path] = line.split(' ')
      return ['setuid', path.join(' '), `${mode} ${who} ${size} ${changed}`]
    })
}

/** Names stand as JSON would write them. Throughout, `incomplete` names a kind. */
export const differenceOf = (before: Snapshot, after: Snapshot): readonly Difference[] =>
  differenceOfRows(before, after, {
    inWords: ([, object, detail]) => JSON.stringify(`${object} (${detail})`).slice(1, -1),
    isOf: ([kind], unread) => kind === unread,
  })

/**
 * Which program uses a credential, by the credential's kind. One entry a kind; a kind that is not here, or that has no program
 * of its own, is shown. A secret travels in the environment of the program or in files of mode 0600 that are gone when it
 * ends, never on a command line, and no shell ever reads it (WB-19).
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ok, type Result } from '@halligan/core'
import { visible } from './display/visible.ts'
import { writePrivately } from './key-file.ts'
import { type CliRefusal, failed, usage } from './refusal.ts'

type Credential = Readonly<Record<string, string>>

/** What starts the program. */
export type Started = Readonly<{
  program: string
  args: readonly string[]
  env: Readonly<Record<string, string>>
}>

type Client = Readonly<{
  /** The variables of the credential, each with what it may look like: anything else could be misread, and is refused. */
  fields: Readonly<Record<string, RegExp>>
  /** Files in a private folder of their own, by name. */
  files?(credential: Credential): Readonly<Record<string, string>>
  /** `to` is one of the credential's destinations, where it has several. */
  start(credential: Credential, folder: string, to: string): Started
  destinations?(credential: Credential): readonly string[]
}>

const host = /^[A-Za-z0-9:][A-Za-z0-9._:-]{0,254}$/
const port = /^\d{1,5}$/
const word = /^[A-Za-z0-9._:/+=~-]{1,255}$/
const isLoopback = (name: string) => /^(localhost|::1|127(\.\d{1,3}){3})$/.test(name)
const sshTo =
  /^ssh:\/\/[a-z_][a-z0-9_-]{0,31}@([A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]+\]):\d{1,5}$/

const clients: readonly Client[] = [
  {
    fields: { MYSQL_HOST: host, MYSQL_TCP_PORT: port, MYSQL_USER: word, MYSQL_PWD: word },
    start: ({ MYSQL_HOST = '', MYSQL_TCP_PORT = '', MYSQL_USER, MYSQL_PWD = '' }) => ({
      program: 'mariadb',
      args: [
        ...['--protocol=tcp', `--host=${MYSQL_HOST}`, `--port=${MYSQL_TCP_PORT}`],
        `--user=${MYSQL_USER}`,
        ...(isLoopback(MYSQL_HOST) ? [] : ['--ssl-verify-server-cert']),
      ],
      env: { MYSQL_PWD },
    }),
  },
  {
    fields: {
      REDIS_HOST: host,
      REDIS_PORT: port,
      REDIS_TLS: /^(verify-full|off)$/,
      REDIS_USER: word,
      REDISCLI_AUTH: word,
    },
    start: ({ REDIS_HOST = '', REDIS_PORT = '', REDIS_USER = '', ...rest }) => ({
      program: 'redis-cli',
      args: [
        ...['-h', REDIS_HOST, '-p', REDIS_PORT, '--user', REDIS_USER],
        ...(rest.REDIS_TLS === 'off' ? [] : ['--tls', '--sni', REDIS_HOST]),
      ],
      env: { REDISCLI_AUTH: rest.REDISCLI_AUTH ?? '' },
    }),
  },
  {
    fields: {
      SSH_DESTINATIONS: /^ssh:[^\s]+(\nssh:[^\s]+)*$/,
      SSH_PRIVATE_KEY:
        /^-----BEGIN OPENSSH PRIVATE KEY-----\n[A-Za-z0-9+/=\n]+-----END OPENSSH PRIVATE KEY-----\n$/,
      SSH_CERTIFICATE: /^[a-z0-9@.-]+ [A-Za-z0-9+/=]+( [A-Za-z0-9-]+)?$/,
      SSH_KNOWN_HOSTS:
        /^[A-Za-z0-9.:[\]-]+ [a-z0-9@.-]+ [A-Za-z0-9+/=]+(\n[A-Za-z0-9.:[\]-]+ [a-z0-9@.-]+ [A-Za-z0-9+/=]+)*$/,
    },
    files: ({ SSH_PRIVATE_KEY = '', SSH_CERTIFICATE = '', SSH_KNOWN_HOSTS = '' }) => ({
      key: SSH_PRIVATE_KEY,
      'key-cert.pub': `${SSH_CERTIFICATE}\n`,
      known_hosts: `${SSH_KNOWN_HOSTS}\n`,
    }),
    destinations: ({ SSH_DESTINATIONS = '' }) =>
      SSH_DESTINATIONS.split('\n').filter((each) => sshTo.test(each)),
    start: (_, folder, to) => ({
      program: 'ssh',
      args: [
        ...[
          '-i',
          join(folder, 'key'),
          '-o',
          'IdentitiesOnly=yes',
          '-o',
          'ControlPath=none',
        ],
        ...['-o', `UserKnownHostsFile="${join(folder, 'known_hosts')}"`],
        ...['-o', 'GlobalKnownHostsFile=none', '-o', 'StrictHostKeyChecking=yes', to],
      ],
      env: {},
    }),
  },
]

/** The client of this credential, or null when there is none: then it is shown. */
export const clientFor = (credential: Credential): Client | null =>
  clients.find(({ fields }) =>
    Object.keys(fields).every((name) => Object.hasOwn(credential, name)),
  ) ?? null

/** A credential that says where and as whom, and holds no secret: showing it gives nothing away. */
export const holdsNoSecret = (credential: Credential): boolean =>
  Object.keys(credential).every((name) => name === 'LINUX_ACCOUNT')

export type Ended = Readonly<{ program: string; code: number }>

/** Runs the program, with `rest` behind its own words, until it ends. Refuses what it could misread. */
export async function openClient(
  client: Client,
  credential: Credential,
  rest: readonly string[],
  to: string | undefined,
): Promise<Result<Ended, CliRefusal>> {
  const odd = Object.entries(credential).find(
    ([name, value]) => client.fields[name]?.test(value) !== true,
  )
  if (odd !== undefined) return unusable(odd[0])
  const destination = chosenDestination(client.destinations?.(credential) ?? [''], to)
  if (!destination.ok) return destination
  const folder = await mkdtemp(join(tmpdir(), 'halligan-login-'))
  try {
    for (const [name, content] of Object.entries(client.files?.(credential) ?? {}))
      await writePrivately(join(folder, name), content)
    return await ended(client.start(credential, folder, destination.value), rest)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const unusable = (name: string) =>
  failed(
    'not_a_login',
    `the credential has no usable ${visible(name)}`,
    'halligan connect GRANT --show',
  )

function chosenDestination(
  all: readonly string[],
  asked: string | undefined,
): Result<string, CliRefusal> {
  const [only] = all
  if (only === undefined) return unusable('SSH_DESTINATIONS')
  if (asked !== undefined)
    return all.includes(asked)
      ? ok(asked)
      : usage('unknown_destination', `the credential is for ${all.join(', ')}`, '')
  return all.length === 1
    ? ok(only)
    : usage(
        'which_destination',
        `the credential is for ${all.join(', ')}`,
        'halligan connect GRANT --to DESTINATION',
      )
}

/** Nothing of Halligan's own reaches the program, its passphrase least (INV-20). */
export const environmentFor = (
  own: Readonly<Record<string, string | undefined>>,
  more: Readonly<Record<string, string>>,
): Readonly<Record<string, string | undefined>> => ({
  ...Object.fromEntries(
    Object.entries(own).filter(([name]) => !name.startsWith('HALLIGAN_')),
  ),
  ...more,
})

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** A signal that ends the program ends us after it: what was written for it is deleted first. */
function ended(
  { program, args, env }: Started,
  rest: readonly string[],
): Promise<Result<Ended, CliRefusal>> {
  const child = spawn(program, [...args, ...rest], {
    env: environmentFor(process.env, env),
    stdio: 'inherit',
    shell: false,
  })
  const pass = (signal: NodeJS.Signals) => void child.kill(signal)
  for (const signal of signals) process.on(signal, pass)
  const over = new Promise<Result<Ended, CliRefusal>>((done, fail) => {
    child.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ENOENT'
        ? done(
            failed(
              'no_client',
              `${program} is not on this machine`,
              'halligan connect GRANT --show',
            ),
          )
        : fail(error),
    )
    child.once('exit', (code) => done(ok({ program, code: code ?? 1 })))
  })
  return over.finally(() => {
    for (const signal of signals) process.off(signal, pass)
  })
}

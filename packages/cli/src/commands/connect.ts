import { type Grant, type GrantId, isIn, ok, type Result } from '@halligan/core'
import type { ReadGrant } from '@halligan/sdk'
import { Command } from 'commander'
import { act, type Common, type Outcome, type Run, shown } from '../command.ts'
import {
  type DatabaseLogin,
  databaseLogin,
  openPsql,
  runSql,
  writeLoginFile,
} from '../database-login.ts'
import { type Desk, namedGrant, openDesk } from '../desk.ts'
import { fromNow } from '../display/duration.ts'
import { table } from '../display/table.ts'
import { visible } from '../display/visible.ts'
import { type CliRefusal, failed, usage } from '../refusal.ts'
import { readSealKey } from '../seal-key-file.ts'
import { clientFor, holdsNoSecret, openClient } from '../target-client.ts'

type Options = Readonly<{
  target?: string
  to?: string
  exec?: string
  show?: boolean
  wait: string
}> &
  Common

export const connectCommand = (run: Run): Command =>
  new Command('connect')
    .description('use the access: psql, mariadb, redis-cli or ssh, whichever it is for')
    .argument('<grant>', 'the grant, e.g. g-…')
    .argument('[client-args...]', 'after --, passed on to the client')
    .option('--target <target>', 'which target, if the grant has several')
    .option('--to <destination>', 'which account and host, if the credential has several')
    .option(
      '--exec <sql>',
      'PostgreSQL: run one statement and print its rows; needs no psql',
    )
    .option('--show', 'print the credential itself')
    .option('--wait <seconds>', 'how long to wait for the enforcer', '20')
    .action(
      act<Options>(run, async (options, [id, ...rest]) => {
        const desk = await openDesk(run.machine)
        return desk.ok ? connect(desk.value, id, rest, options) : desk
      }),
    )

async function connect(
  desk: Desk,
  id: string | undefined,
  rest: readonly string[],
  options: Options,
): Promise<Outcome> {
  const read = await namedGrant(desk, id)
  if (!read.ok) return read
  const { grant } = read.value
  if (!isIn(grant, 'active')) return notOpen(grant)
  const target = chosenTarget(read.value, options.target)
  if (!target.ok) return target
  const credential = await awaitCredential(desk, read.value, target.value, options)
  if (!credential.ok) return credential
  if ('notAfter' in grant)
    desk.machine.terminal.say(
      `Access to ${visible(target.value)} ends ${fromNow(grant.notAfter, desk.machine.now())}.`,
    )
  if (options.show === true || holdsNoSecret(credential.value))
    return shownCredential(credential.value)
  const client = clientFor(credential.value)
  if (client !== null) return withClient(client, credential.value, rest, options)
  if (!Object.hasOwn(credential.value, 'PGHOST'))
    return failed(
      'no_client',
      'there is no client for a credential of this kind',
      'halligan connect GRANT --show',
    )
  const login = databaseLogin(credential.value)
  if (!login.ok) return login
  return use(desk, grant.id, target.value, login.value, rest, options)
}

/** Nothing to wait for: no enforcer seals anything for a grant that confers no access. */
const notOpen = ({ phase }: Grant): Outcome =>
  failed(
    'not_open',
    `this grant confers no access: it is ${phase}`,
    'halligan status GRANT',
  )

/** Any target but PostgreSQL, which has ways of its own for machines without a client. */
async function withClient(
  client: NonNullable<ReturnType<typeof clientFor>>,
  credential: Readonly<Record<string, string>>,
  rest: readonly string[],
  { exec, to }: Options,
): Promise<Outcome> {
  if (exec !== undefined)
    return usage(
      'exec_is_for_postgres',
      'this is no PostgreSQL login',
      'halligan connect GRANT -- CLIENT-ARGS',
    )
  const over = await openClient(client, credential, rest, to)
  if (!over.ok) return over
  const { program, code } = over.value
  return code === 0
    ? shown({ [program]: code }, '')
    : failed('client_failed', `${program} ended with ${code}`)
}

async function use(
  { home }: Desk,
  grant: GrantId,
  target: string,
  login: DatabaseLogin,
  rest: readonly string[],
  { exec }: Options,
): Promise<Outcome> {
  if (exec !== undefined) return rowsOf(login, exec)
  const code = await openPsql(login, rest)
  if (code !== null)
    return code === 0
      ? shown({ psql: code }, '')
      : failed('psql_failed', `psql ended with ${code}`)
  const file = await writeLoginFile(home.folder, `${grant}.${target}`, login)
  return shown(
    { file },
    file,
    `psql is not on this machine. The login is in ${file}, which only you can read. It stops working when the grant ends.\nNext: . ${file}, then your own client; or halligan connect ${grant} --exec SQL`,
  )
}

async function rowsOf(login: DatabaseLogin, sql: string): Promise<Outcome> {
  const result = await runSql(login, sql)
  if (!result.ok) return result
  const { command, rowCount, fields, rows } = result.value
  const cells = rows.map((row) => fields.map((name) => visible(String(row[name] ?? ''))))
  const text = fields.length === 0 ? '' : table(fields.map(visible), cells)
  return shown({ command, rowCount, rows }, text, `${command} ${rowCount ?? ''}`.trim())
}

const shownCredential = (credential: Readonly<Record<string, string>>): Outcome =>
  shown(
    credential,
    Object.entries(credential)
      .map(([name, value]) => `${visible(name)}=${visible(value)}`)
      .join('\n'),
  )

export function chosenTarget(
  { grant }: ReadGrant,
  asked: string | undefined,
): Result<string, CliRefusal> {
  const names = grant.terms.targets.map(({ target }) => target)
  const [only] = names
  if (asked !== undefined)
    return names.includes(asked)
      ? ok(asked)
      : usage('unknown_target', `the grant has ${names.map(visible).join(', ')}`, '')
  return only !== undefined && names.length === 1
    ? ok(only)
    : usage(
        'which_target',
        `the grant has ${names.map(visible).join(', ')}`,
        'halligan connect GRANT --target TARGET',
      )
}

const millisBetweenLooks = 250

/** An enforcer needs a moment: it verifies, applies and probes before it seals. */
export async function awaitCredential(
  desk: Desk,
  read: ReadGrant,
  target: string,
  { wait }: Readonly<{ wait: string }>,
): Promise<Result<Readonly<Record<string, string>>, CliRefusal>> {
  const { client, machine } = desk
  const key = await readSealKey(desk, read.grant.id)
  if (!key.ok) return key
  const until = machine.now() + Number(wait) * 1000
  let current: Result<ReadGrant, CliRefusal> = ok(read)
  while (current.ok) {
    const opened = await client.openCredential(current.value, target, key.value)
    if (opened.ok) return ok(opened.value.credential)
    if (opened.error.code !== 'not_sealed' || machine.now() >= until) return opened
    await machine.pause(millisBetweenLooks)
    current = await client.grant(read.grant.id)
  }
  return current
}

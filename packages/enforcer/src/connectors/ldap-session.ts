/**
 * One connection to a directory. ldapts would open a lost connection again by itself, and not bind again: then an anonymous
 * search that is shown nothing would read as absence. A session here has one connection, and is over with it.
 *
 * @module
 */
import { connect as connectTcp } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { Client, type Entry, type Filter, ResultCodeError } from 'ldapts'
import { type Identity, type LdapSettings, tlsOptions } from './ldap-settings.ts'
import { CredentialRefused } from './port.ts'
import { placeOf, readSecret } from './secret-reference.ts'

export type Session = Readonly<{ client: Client; url: string }>

/** Nobody answered, or not in time. Everything is to be tried again. */
export class TargetUnreachable extends Error {
  override readonly name = 'TargetUnreachable'
}

/** RFC 4511, appendix A. */
export const resultCodes = {
  noSuchAttribute: 16,
  attributeOrValueExists: 20,
  noSuchObject: 32,
  inappropriateAuthentication: 48,
  invalidCredentials: 49,
  insufficientAccess: 50,
  objectClassViolation: 65,
  notAllowedOnNonLeaf: 66,
  entryAlreadyExists: 68,
  assertionFailed: 122,
  /** OpenLDAP's answer to what would have been done. */
  noOperation: 16654,
} as const

export const resultCode = (error: unknown): number | null =>
  error instanceof ResultCodeError ? error.code : null

/** Makes one of these answers a success. */
export const unless =
  (...codes: readonly number[]) =>
  (error: unknown): void => {
    if (!codes.includes(resultCode(error) ?? -1)) throw error
  }

const millisToConnect = 4_000
const millisToAnswer = 6_000
const millisToBind = 8_000
const secondsToSearch = 5

/** Bound as `identity`, the password read anew. */
export async function connectAs(
  settings: LdapSettings,
  identity: Identity,
  url = settings.url,
): Promise<Session> {
  const password = readSecret(identity.password)
  try {
    return await bound(settings, url, identity.bindDn, password)
  } catch (error) {
    if (resultCode(error) === resultCodes.invalidCredentials)
      throw new CredentialRefused(
        `${settings.target} refuses the credential of ${identity.bindDn}; put the new one into ${placeOf(identity.password)}`,
        { cause: error },
      )
    throw new TargetUnreachable(`cannot reach ${settings.target}: ${reasonOf(error)}`, {
      cause: error,
    })
  }
}

export const reasonOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error)

/** Throws the directory's own answer. An empty password would be a bind as nobody, which succeeds, and is refused. */
export async function bound(
  settings: LdapSettings,
  url: string,
  dn: string,
  password: string,
): Promise<Session> {
  if (password === '' || dn === '') throw new Error('a bind needs a DN and a password')
  const { hostname, protocol } = new URL(url)
  const once = oneConnection()
  const client = new Client({
    url,
    connectTimeout: millisToConnect,
    timeout: millisToAnswer,
    // Given for ldap:// as well, they would make ldapts speak TLS from the start.
    ...(protocol === 'ldaps:' ? { tlsOptions: tlsOptions(settings, hostname) } : {}),
    createConnection: ((port: number, host: string) =>
      once(() => connectTcp({ port, host }))) as typeof connectTcp,
    createSecureConnection: ((...asked: Parameters<typeof connectTls>) =>
      protocol === 'ldaps:'
        ? once(() => connectTls(...asked))
        : connectTls(...asked)) as typeof connectTls,
  })
  const open = async () => {
    if (settings.startTls) await client.startTLS(tlsOptions(settings, hostname))
    await client.bind(dn, password)
  }
  try {
    await within(millisToBind, open())
    return { client, url }
  } catch (error) {
    await leave({ client, url })
    throw error
  }
}

/** Throws when `work` takes longer; it is not stopped by that, and has time limits of its own at every step. */
export async function within<T>(millis: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, fail) => {
    timer = setTimeout(() => fail(new Error(`no answer within ${millis / 1000} s`)), millis)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Every step whatever became of the one before; throws with every reason. */
export async function tryAll(
  what: string,
  steps: readonly (() => Promise<unknown>)[],
): Promise<void> {
  const failures: unknown[] = []
  for (const step of steps) await step().catch((failure) => failures.push(failure))
  if (failures.length > 0)
    throw new AggregateError(failures, `${what}: ${failures.map(reasonOf).join('; ')}`)
}

function oneConnection() {
  let isUsed = false
  return <T>(open: () => T): T => {
    if (isUsed) throw new Error('the connection was lost')
    isUsed = true
    return open()
  }
}

export const leave = ({ client }: Session): Promise<void> =>
  client.isConnected ? client.unbind().catch(() => undefined) : Promise.resolve()

/** `work` on a connection of its own, closed afterwards whatever happens. */
export async function onSession<T>(
  open: () => Promise<Session>,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const session = await open()
  try {
    return await work(session)
  } finally {
    await leave(session)
  }
}

export type Asked = Readonly<{
  scope?: 'base' | 'one' | 'sub'
  filter?: Filter
  attributes?: readonly string[]
}>

/**
 * All that the directory has, or throws: limits, time-outs and referrals are no answers. No entry means that the base is
 * there and nothing matches, as far as this bind may see.
 */
export async function search(
  { client }: Session,
  base: string,
  { scope = 'base', filter, attributes = ['1.1'] }: Asked = {},
): Promise<readonly Entry[]> {
  const { searchEntries, searchReferences } = await client.search(base, {
    scope,
    ...(filter === undefined ? {} : { filter }),
    attributes: [...attributes],
    timeLimit: secondsToSearch,
    paged: scope === 'base' ? false : { pageSize: 500 },
  })
  if (searchReferences.length > 0)
    throw new Error(`${base} refers elsewhere: what is there was not read`)
  return searchEntries
}

/**
 * Null where there is no such entry, or it does not match. An entry of which nothing is shown is not one that is missing: the
 * directory says which, and this throws.
 */
export async function readEntry(
  session: Session,
  dn: string,
  attributes: readonly string[] = ['1.1'],
  filter?: Filter,
): Promise<Entry | null> {
  const asked = { attributes, ...(filter === undefined ? {} : { filter }) }
  const found = await search(session, dn, asked).catch((error: unknown) => {
    noEntries(error)
    return null
  })
  if (found?.length === 0 && filter === undefined)
    throw new Error(`${dn} is there and not shown`)
  return found?.[0] ?? null
}

export function noEntries(error: unknown): readonly Entry[] {
  if (resultCode(error) !== resultCodes.noSuchObject) throw error
  return []
}

/** Values as text; what is not text stands in base64, as in LDIF. */
export function valuesOf(entry: Entry, attribute: string): readonly string[] {
  const key = Object.keys(entry).find(
    (each) => each.toLowerCase() === attribute.toLowerCase(),
  )
  const found = key === undefined ? [] : entry[key]
  const values: readonly (string | Buffer)[] = Array.isArray(found)
    ? found
    : found === undefined
      ? []
      : [found]
  return values.map((value) =>
    typeof value === 'string' ? value : `:: ${value.toString('base64')}`,
  )
}

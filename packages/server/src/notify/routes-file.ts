import { readFileSync, statSync } from 'node:fs'
import { isAbsolute } from 'node:path'
import { parseStrict } from '@halligan/ledger'

/** A route as the operator wrote it. */
export type RouteSetting = Readonly<
  { name: string; takes: 'pages' | 'all' } & (
    | { kind: 'webhook'; url: string; secret: string; private: boolean }
    | { kind: 'command'; run: readonly [string, ...string[]] }
    | { kind: 'file'; path: string }
  )
>

const fields = {
  webhook: ['url', 'secret', 'private'],
  command: ['run'],
  file: ['path'],
} as const

/** Throws with a reason that names the route and the field. */
export function readRoutesFile(path: string): readonly RouteSetting[] {
  const parsed = parseStrict(readFileSync(path, 'utf8'))
  if (!parsed.ok) throw new Error(`${path}: ${parsed.error.reason}`)
  if (!Array.isArray(parsed.value)) throw new Error(`${path}: a list of routes is expected`)
  const routes = parsed.value.map((value, i) => routeIn(value, `${path}: route ${i + 1}`))
  const names = routes.map(({ name }) => name)
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice !== undefined) throw new Error(`${path}: two routes are called ${twice}`)
  return routes
}

type Fields = Readonly<Record<string, unknown>>

function routeIn(value: unknown, where: string): RouteSetting {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error(`${where}: an object is expected`)
  const given = value as Fields
  const { name, kind } = given
  if (typeof name !== 'string' || !/^[a-z][a-z0-9-]{0,31}$/.test(name))
    throw new Error(`${where}: name is lower-case letters, digits and dashes`)
  if (kind !== 'webhook' && kind !== 'command' && kind !== 'file')
    throw new Error(`${where} (${name}): kind is webhook, command or file`)
  const known: readonly string[] = ['name', 'kind', 'takes', ...fields[kind]]
  const stray = Object.keys(given).find((field) => !known.includes(field))
  if (stray !== undefined)
    throw new Error(`${where} (${name}): a ${kind} has no field ${JSON.stringify(stray)}`)
  const { takes = kind === 'webhook' ? 'all' : 'pages' } = given
  if (takes !== 'pages' && takes !== 'all')
    throw new Error(`${where} (${name}): takes is pages or all`)
  const head = { name, takes } as const
  const at = `${where} (${name})`
  if (kind === 'webhook') return { ...head, kind, ...webhookIn(given, at) }
  if (kind === 'command') return { ...head, kind, run: commandIn(given, at) }
  return { ...head, kind, path: absolute(given.path, `${at}: path`) }
}

function webhookIn(given: Fields, where: string) {
  const { url, private: isPrivate = false } = given
  if (typeof url !== 'string' || !/^https?:\/\//.test(url) || !URL.canParse(url))
    throw new Error(`${where}: url is an http or https URL`)
  if (typeof isPrivate !== 'boolean') throw new Error(`${where}: private is true or false`)
  const secret = secretIn(absolute(given.secret, `${where}: secret`), where)
  return { url, private: isPrivate, secret }
}

/** Standard Webhooks: `whsec_` and 24 to 64 bytes in base64. It stands in a file of its own that others cannot read. */
function secretIn(path: string, where: string): string {
  if ((statSync(path).mode & 0o077) !== 0)
    throw new Error(`${where}: others can read ${path}. Run: chmod 600 ${path}`)
  const text = readFileSync(path, 'utf8').trim()
  const bytes = /^whsec_[A-Za-z0-9+/]+={0,2}$/.test(text)
    ? Buffer.from(text.slice(6), 'base64').length
    : 0
  if (bytes < 24 || bytes > 64)
    throw new Error(`${where}: ${path} holds no whsec_ secret of 24 to 64 bytes`)
  return text
}

function commandIn({ run }: Fields, where: string): readonly [string, ...string[]] {
  const isWords =
    Array.isArray(run) &&
    run.every((word) => typeof word === 'string' && !word.includes('\0'))
  if (!isWords || run.length === 0)
    throw new Error(`${where}: run is a list: a program and its arguments`)
  const [program, ...args] = run as [string, ...string[]]
  return [absolute(program, `${where}: run`), ...args]
}

function absolute(value: unknown, where: string): string {
  if (typeof value === 'string' && isAbsolute(value) && !value.includes('\0')) return value
  throw new Error(`${where} is an absolute path`)
}

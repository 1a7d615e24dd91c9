import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { parseStrict } from '@halligan/ledger'
import type { Rate } from './http/rate.ts'
import { type RouteSetting, readRoutesFile } from './notify/routes-file.ts'

/** All that an operator may set. Read once, before anything starts. */
export type Config = Readonly<{
  /** Data folder, mode 0700. */
  dir: string
  host: string
  port: number
  /** The base URL that people and enforcers use. Never taken from a Host header (WB-08). */
  url: string | null
  /** PEM, read from the files that were named. */
  tls: Readonly<{ cert: string; key: string }> | null
  /** The local anchor: a file outside `dir`, and best on another disk. */
  anchor: string
  logLevel: string
  /** Where notices go, signed as Standard Webhooks; null keeps them for `watch` alone. */
  noticeUrl: string | null
  /** Lets notices go to private addresses, for a receiver inside the house. */
  noticePrivate: boolean
  /** Further routes, each on its own (`routes.json`). */
  routes: readonly RouteSetting[]
  limits: Limits
}>

export type Limits = Readonly<{
  session: Rate
  prepare: Rate
  whatIf: Rate
  address: Rate
  maxConnections: number
}>

/** Every setting by its flag. Also read from `HALLIGAN_<FLAG>` and from `config.json`; the flag wins. */
const settings = [
  'dir',
  'host',
  'port',
  'url',
  'tls-cert',
  'tls-key',
  'anchor',
  'log-level',
  'notice-url',
  'notice-private',
  'routes',
  'calls-per-minute',
  'prepares-per-minute',
  'max-connections',
] as const

export type Setting = (typeof settings)[number]
export type Settings = Readonly<Partial<Record<Setting, string>>>

export type Env = Readonly<Record<string, string | undefined>>

/** The settings given on the command line. Throws for an unknown flag. */
export function readFlags(args: readonly string[]): Settings {
  const { values } = parseArgs({
    args: [...args],
    options: Object.fromEntries(
      settings.map((name) => [name, { type: 'string' as const }]),
    ),
  })
  return values as Settings
}

/** Throws with the setting's name when one is malformed. */
export function readConfig(flags: Settings, env: Env): Config {
  const dir = resolve(flags.dir ?? env.HALLIGAN_DIR ?? 'halligan-data')
  const file = readFile(join(dir, 'config.json'))
  const get = (name: Setting): string | undefined =>
    flags[name] ?? env[`HALLIGAN_${name.toUpperCase().replaceAll('-', '_')}`] ?? file[name]
  const whole = (name: Setting, preset: number): number => {
    const text = get(name) ?? String(preset)
    if (!/^[0-9]{1,7}$/.test(text))
      throw new Error(`${name} is a whole number, not ${text}`)
    return Number(text)
  }
  const cert = get('tls-cert')
  const key = get('tls-key')
  if ((cert === undefined) !== (key === undefined))
    throw new Error('tls-cert and tls-key go together')
  const calls = whole('calls-per-minute', 600)
  const prepares = whole('prepares-per-minute', 60)
  return {
    dir,
    host: get('host') ?? '127.0.0.1',
    port: whole('port', 8443),
    url: get('url') ?? null,
    tls:
      cert === undefined || key === undefined
        ? null
        : { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') },
    anchor: resolve(get('anchor') ?? `${dir}.anchor`),
    logLevel: get('log-level') ?? 'info',
    noticeUrl: get('notice-url') ?? null,
    noticePrivate: get('notice-private') === 'true',
    routes: routesIn(get('routes'), join(dir, 'routes.json')),
    limits: {
      session: { burst: calls, perMinute: calls },
      prepare: { burst: prepares, perMinute: prepares },
      whatIf: { burst: 10, perMinute: 10 },
      address: { burst: 2 * calls, perMinute: 2 * calls },
      maxConnections: whole('max-connections', 2048),
    },
  }
}

/** A file that is named must be there; the usual one may be missing. */
const routesIn = (named: string | undefined, usual: string): readonly RouteSetting[] =>
  named === undefined && !existsSync(usual) ? [] : readRoutesFile(resolve(named ?? usual))

/** Flat names and texts, so that a setting is written in one way wherever it is written. */
function readFile(path: string): Settings {
  if (!existsSync(path)) return {}
  const parsed = parseStrict(readFileSync(path, 'utf8'))
  if (!parsed.ok) throw new Error(`${path}: ${parsed.error.reason}`)
  const entries = Object.entries((parsed.value ?? {}) as Readonly<Record<string, unknown>>)
  const bad = entries.find(
    ([name, value]) =>
      !(settings as readonly string[]).includes(name) || typeof value !== 'string',
  )
  if (bad !== undefined) throw new Error(`${path}: ${bad[0]} is not a setting with a text`)
  return Object.fromEntries(entries) as Settings
}

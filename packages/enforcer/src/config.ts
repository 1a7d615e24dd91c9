import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { type Digest, type Guard, isSlug } from '@halligan/core'
import { base64url, isDigest, type Signer } from '@halligan/ledger'
import { signerFromSeed } from '@halligan/ledger/node'
import type { ConnectorSettings } from './connectors/registry.ts'
import { parseGuard } from './guard-file.ts'
import {
  BadSettings,
  isCount,
  isRecord,
  isText,
  perhaps,
  strictFields,
} from './strict-fields.ts'

/** Where everything of one enforcer lies. The folder is its owner's alone (0700). */
export const pathsIn = (dir: string) => ({
  config: join(dir, 'config.json'),
  guard: join(dir, 'guard.yaml'),
  key: join(dir, 'key.json'),
  books: join(dir, 'enforcer.db'),
  socket: join(dir, 'enforcer.sock'),
  vault: join(dir, 'vault'),
})

/** `server`, `estate` and `rosterDigest` are there once the enforcer has been told whom to trust. */
export type Config = Readonly<{
  enforcer: string
  server?: string
  estate?: string
  /** Given by the operator, never by the server. */
  rosterDigest?: Digest
  targets: Readonly<Record<string, ConnectorSettings>>
  /** How often each target is compared with the books; 60 by default. */
  driftSeconds?: number
}>

export type EnrolledConfig = Config &
  Required<Pick<Config, 'server' | 'estate' | 'rosterDigest'>>

export const isEnrolled = (config: Config): config is EnrolledConfig =>
  config.server !== undefined &&
  config.estate !== undefined &&
  config.rosterDigest !== undefined

/** Throws {@link BadSettings}. */
export function readConfig(dir: string): Config {
  const value = strictFields('config', readJson(pathsIn(dir).config), {
    enforcer: isId,
    server: perhaps(isText),
    estate: perhaps(isId),
    rosterDigest: perhaps((digest) => isText(digest) && isDigest(String(digest))),
    targets: isRecord,
    driftSeconds: perhaps(isCount(1)),
  })
  for (const [name, settings] of Object.entries(value.targets as object))
    if (!isId(name) || !isRecord(settings) || !isText(settings.kind))
      throw new BadSettings(`config.targets.${name}: an id and settings with a kind`)
    else if (settings.target !== undefined && settings.target !== name)
      throw new BadSettings(`config.targets.${name}.target is another`)
  const config = value as Config
  if (config.server !== undefined) demandTls(config.server)
  return config
}

export function writeConfig(dir: string, config: Config): void {
  writePrivately(pathsIn(dir).config, `${JSON.stringify(config, null, 2)}\n`)
}

/** The guard, agreeing with the configuration: one enforcer, and a connector for every target and the reverse. */
export function readGuard(dir: string, config: Config): Guard {
  const path = pathsIn(dir).guard
  if (!existsSync(path))
    throw new BadSettings(`${path} is missing: an enforcer without a guard opens nothing`)
  const guard = parseGuard(readFileSync(path, 'utf8'))
  if (guard.enforcer !== config.enforcer)
    throw new BadSettings(`the guard is of ${guard.enforcer}, not ${config.enforcer}`)
  const [guarded, connected] = [Object.keys(guard.targets), Object.keys(config.targets)]
  const odd = [
    ...guarded.filter((name) => !connected.includes(name)),
    ...connected.filter((name) => !guarded.includes(name)),
  ]
  if (odd.length > 0)
    throw new BadSettings(`not in both guard.yaml and config.json: ${odd.join(', ')}`)
  return guard
}

export type Keys = Readonly<{ signer: Signer; secretKey: Uint8Array }>

/** Made once: an enforcer whose key changed is another enforcer, to be named by a new roster. */
export function makeKeys(dir: string, random: (length: number) => Uint8Array): Keys {
  const path = pathsIn(dir).key
  if (existsSync(path)) return readKeys(dir)
  const text = (length: number) => base64url.encode(random(length))
  writePrivately(path, `${JSON.stringify({ seed: text(32), secretKey: text(32) })}\n`)
  return readKeys(dir)
}

/** Throws {@link BadSettings}, also when anybody but the owner could read the file. */
export function readKeys(dir: string): Keys {
  const path = pathsIn(dir).key
  if (!existsSync(path)) throw new BadSettings(`${path} is missing: run enroll first`)
  if ((statSync(path).mode & 0o077) !== 0)
    throw new BadSettings(`${path} can be read by others: it must have mode 0600`)
  const { seed, secretKey } = strictFields('key', readJson(path), {
    seed: isKey,
    secretKey: isKey,
  })
  return { signer: signerFromSeed(rawKey(seed)), secretKey: rawKey(secretKey) }
}

export function makeFolder(dir: string): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  chmodSync(dir, 0o700)
}

export function writePrivately(path: string, text: string): void {
  writeFileSync(path, text, { mode: 0o600 })
  chmodSync(path, 0o600)
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (cause) {
    // The text is not quoted: it may hold a key.
    throw new BadSettings(`${path} is missing or not JSON`, { cause })
  }
}

function demandTls(server: string): void {
  const url = URL.parse(server)
  const loopback = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(url?.hostname ?? '')
  if (url?.protocol === 'https:' || (url?.protocol === 'http:' && loopback)) return
  throw new BadSettings(`config.server: https, or http on loopback, not ${server}`)
}

const rawKey = (value: unknown): Uint8Array => {
  const raw = base64url.decode(String(value))
  if (raw?.length !== 32) throw new BadSettings('key: 32 bytes in base64url')
  return raw
}

const isKey = (value: unknown): boolean =>
  isText(value) && base64url.decode(String(value))?.length === 32
const isId = (value: unknown): boolean => isText(value) && isSlug(String(value))

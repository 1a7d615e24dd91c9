/**
 * The server's own secrets: made at first start and never shipped, printed or logged (CF-01). They sign checkpoints,
 * decisions and orders; they open nothing by themselves, because enforcers also demand people's acts.
 *
 * @module
 */
import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { base64url, parseStrict, type Signer } from '@halligan/ledger'
import { signerFromSeed } from '@halligan/ledger/node'
import { checkPrivate } from './store/database.ts'

export type ServerKeys = Readonly<{
  /** Signs checkpoints and the journal. */
  log: Signer
  /** Signs decisions, orders and beacons. */
  issuer: Signer
  /** MACs nonces and sessions; 32 bytes. */
  mac: Uint8Array
  /** Standard Webhooks secrets, `whsec_` and base64: of the incident source, and of our notices. */
  incidentSecret: string
  noticeSecret: string
}>

const names = ['log', 'issuer', 'mac', 'incidents', 'notices'] as const

const pathIn = (dir: string) => join(dir, 'keys.json')

/** Makes `keys.json`, mode 0600. Throws when there is one: keys are never overwritten. */
export function makeKeys(dir: string): ServerKeys {
  const seeds = Object.fromEntries(
    names.map((name) => [name, base64url.encode(randomBytes(32))]),
  )
  const file = openSync(pathIn(dir), 'wx', 0o600)
  writeSync(file, `${JSON.stringify(seeds, null, 2)}\n`)
  fsyncSync(file)
  closeSync(file)
  return keysOf(seeds)
}

/** Throws when the file is missing, malformed or readable to others (CF-05). Never says what is in it. */
export function readKeys(dir: string): ServerKeys {
  checkPrivate(dir, [pathIn(dir)])
  const parsed = parseStrict(readFileSync(pathIn(dir), 'utf8'))
  if (!parsed.ok || typeof parsed.value !== 'object' || parsed.value === null)
    throw new Error(`${pathIn(dir)} is malformed`)
  return keysOf(parsed.value as Readonly<Record<string, unknown>>)
}

function keysOf(seeds: Readonly<Record<string, unknown>>): ServerKeys {
  const bytes = (name: (typeof names)[number]): Uint8Array => {
    const seed = seeds[name]
    const decoded = typeof seed === 'string' ? base64url.decode(seed) : null
    if (decoded?.length !== 32) throw new Error(`keys.json has no 32 bytes for ${name}`)
    return decoded
  }
  const webhook = (name: 'incidents' | 'notices') =>
    `whsec_${Buffer.from(bytes(name)).toString('base64')}`
  return {
    log: signerFromSeed(bytes('log')),
    issuer: signerFromSeed(bytes('issuer')),
    mac: bytes('mac'),
    incidentSecret: webhook('incidents'),
    noticeSecret: webhook('notices'),
  }
}

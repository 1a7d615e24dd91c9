import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Json } from '@halligan/core'
import { parseStrict } from '@halligan/ledger'
import { replaceFile } from './anchor.ts'

/**
 * Which log this folder is for, as its operator made it. The database is compared with this and never
 * the other way round: somebody else's database under our name is found at the start (ST-07).
 */
export type Identity = Readonly<{ estate: string; origin: string }>

const pathIn = (dir: string) => join(dir, 'identity.json')

export const keepIdentity = (dir: string, identity: Identity): Promise<void> =>
  replaceFile(pathIn(dir), `${JSON.stringify(identity, null, 2)}\n`)

/** Throws when the folder was not initialised. */
export function readIdentity(dir: string): Identity {
  const parsed = parseStrict(readFileSync(pathIn(dir), 'utf8'))
  if (parsed.ok && isIdentity(parsed.value)) return parsed.value
  throw new Error(`${pathIn(dir)} is malformed`)
}

const isIdentity = (value: Json): value is Identity =>
  typeof value === 'object' &&
  value !== null &&
  'estate' in value &&
  'origin' in value &&
  typeof value.estate === 'string' &&
  typeof value.origin === 'string'

/**
 * The genesis ceremony, in two steps with the founders between them: `--founders` makes the server's keys and an
 * unsigned roster; the trustees sign it elsewhere; `--genesis` opens the log with it.
 *
 * @module
 */
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { envelope, founders, parseBody } from '@halligan/contract'
import { currentLog, ok } from '@halligan/core'
import { nodeCrypto } from '@halligan/ledger/node'
import { checkBundle } from '@halligan/policy'
import { readBundleFolder } from '@halligan/policy/node'
import { acceptGenesis, enterGenesis, genesisRoster } from './genesis.ts'
import { keepIdentity } from './identity.ts'
import { makeKeys, readKeys } from './keys.ts'
import { nodeClock, nodeScheduler } from './node-ports.ts'
import { databaseFile, openLog } from './open-log.ts'

export class InitRefused extends Error {
  override readonly name = 'InitRefused'
}

/** Step one. Returns the path of the unsigned genesis roster. */
export function initFounders(dir: string, foundersPath: string): string {
  const told = parseBody(founders, readFileSync(foundersPath))
  if (!told.ok) throw new InitRefused(`${foundersPath}: ${JSON.stringify(told.error)}`)
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  chmodSync(dir, 0o700)
  if (existsSync(join(dir, 'keys.json')))
    throw new InitRefused(`${dir} holds the keys of a server already`)
  const roster = genesisRoster(nodeCrypto, told.value, makeKeys(dir), nodeClock.now())
  const path = join(dir, 'genesis.json')
  writeFileSync(path, `${JSON.stringify(roster, null, 2)}\n`, { mode: 0o600 })
  return path
}

export type GenesisFiles = Readonly<{
  dir: string
  anchor: string
  genesis: string
  /** Folder of the first policy bundle. */
  bundle: string
}>

/** Step two. Returns the roster's digest, which enforcers and verifiers are told by their operators. */
export async function initGenesis(files: GenesisFiles): Promise<string> {
  const keys = readKeys(files.dir)
  if (existsSync(join(files.dir, databaseFile)))
    throw new InitRefused(`${files.dir} holds a log already`)
  const signed = parseBody(envelope, readFileSync(files.genesis))
  if (!signed.ok) throw new InitRefused(`${files.genesis}: ${JSON.stringify(signed.error)}`)
  const genesis = acceptGenesis(nodeCrypto, signed.value, keys)
  if (!genesis.ok) throw new InitRefused(`${files.genesis}: ${genesis.error.reason}`)
  const bundle = checkBundle(nodeCrypto, readBundleFolder(resolve(files.bundle)))
  if (!bundle.ok)
    throw new InitRefused(
      bundle.error.map(({ file, line, reason }) => `${file}:${line}: ${reason}`).join('\n'),
    )
  const { origin } = currentLog(genesis.value.roster)
  const log = await openLog({
    folder: files.dir,
    anchorPath: files.anchor,
    origin,
    signer: keys.log,
    crypto: nodeCrypto,
    clock: nodeClock,
    scheduler: nodeScheduler,
  })
  const { digest } = genesis.value
  const entered = await log.writer.submit({
    name: 'genesis',
    key: digest,
    run: (tx, now) => {
      enterGenesis(tx, genesis.value, bundle.value, now)
      return ok(null)
    },
  })
  if (entered.ok) await log.writer.anchored(log.writer.frontier().head.size - 1)
  await log.close()
  if (!entered.ok) throw new InitRefused(`genesis was refused: ${entered.error.code}`)
  await keepIdentity(files.dir, { estate: genesis.value.roster.estate, origin })
  return digest
}

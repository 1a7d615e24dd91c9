import { rename } from 'node:fs/promises'
import { nodeCrypto, signerFromSeed } from '@halligan/ledger/node'
import { createClient } from '@halligan/sdk'
import type { Home, Joined } from './home.ts'
import { readKeyFile } from './key-file.ts'
import type { Machine } from './machine.ts'

/**
 * Takes a rotated key into use once the roster holds it, and not before; until then the old one works. Does nothing when
 * no key waits or nobody answers.
 */
export async function adoptNextKey(
  machine: Machine,
  home: Home,
  joined: Joined,
  phrase: string,
): Promise<void> {
  const seed = await readKeyFile(home.nextKeyFile, phrase)
  if (!seed.ok) return
  const { keyId } = signerFromSeed(seed.value)
  const client = createClient({
    server: joined.server,
    fetch: machine.fetch,
    crypto: nodeCrypto,
    now: machine.now,
    trust: home.trust(joined),
  })
  const rosters = await client.rosters()
  if (!rosters.ok) return
  const enrolled = rosters.value.latest.people
    .filter(({ person }) => person === joined.principal)
    .flatMap(({ keys }) => keys.map((key) => key.keyId))
  if (!enrolled.includes(keyId)) return
  await rename(home.nextKeyFile, home.keyFile)
  await home.saveConfig({ ...joined, keyId })
}

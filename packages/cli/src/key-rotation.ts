import { rename } from 'node:fs/promises'
import type { Roster } from '@halligan/core'
import { nodeCrypto, signerFromSeed } from '@halligan/ledger/node'
import { createClient } from '@halligan/sdk'
import type { Home, Joined } from './home.ts'
import { readKeyFile } from './key-file.ts'
import type { Machine } from './machine.ts'

/**
 * Takes a rotated key into use once the roster holds it and holds the old one no more: that one may be needed to approve
 * while the new one cools down, or to sign as a trustee. Does nothing when no key waits or nobody answers.
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
  if (!hasTakenOver(rosters.value.latest, joined.keyId, keyId)) return
  await rename(home.nextKeyFile, home.keyFile)
  await home.saveConfig({ ...joined, keyId })
}

/** Whether `next` stands in the roster and `old` nowhere. */
export function hasTakenOver(
  { people, trustees }: Pick<Roster, 'people' | 'trustees'>,
  old: string,
  next: string,
): boolean {
  const standing = [...people.flatMap(({ keys }) => keys), ...trustees]
  const stands = (key: string) => standing.some(({ keyId }) => keyId === key)
  return stands(next) && !stands(old)
}

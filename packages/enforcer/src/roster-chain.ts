import type { Digest, Envelope, Roster } from '@halligan/core'
import { verifyRosterChain } from '@halligan/ledger'
import { nodeCrypto } from '@halligan/ledger/node'
import { createTransport } from '@halligan/sdk'

/** A server that does not answer, or not in words that count. */
export class ServerSilent extends Error {
  override readonly name = 'ServerSilent'
}

/** The server's chain, which has to contain the pinned digest. Throws {@link ServerSilent}, or why the chain is not to be trusted. */
export async function fetchChain(
  server: string,
  digest: Digest,
  via: typeof fetch = fetch,
): Promise<Readonly<{ envelopes: readonly Envelope[]; rosters: readonly Roster[] }>> {
  const answer = await createTransport(server, via).call('rosters')
  if (!answer.ok) throw new ServerSilent(`${answer.error.code}: ${answer.error.detail}`)
  const { rosters: envelopes } = answer.value
  const chain = verifyRosterChain(nodeCrypto, envelopes, { digest })
  if (!chain.ok) throw new Error(`${chain.error.code}: ${chain.error.reason}`)
  return { envelopes, rosters: chain.value.rosters }
}

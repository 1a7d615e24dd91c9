import type { KeyId, Roster } from '@halligan/core'
import type { Finding } from './check.ts'
import type { EnrolledConfig, Keys } from './config.ts'
import { fetchChain, ServerSilent } from './roster-chain.ts'

/**
 * Whether the roster in force gives this enforcer, by the key in its folder, the targets of its configuration. The control plane
 * is asked for it, and need not answer: what is open ends without it.
 */
export async function rosterFinding(
  config: EnrolledConfig,
  { signer }: Pick<Keys, 'signer'>,
  via: typeof fetch = fetch,
): Promise<Finding> {
  const found = (state: Finding['state'], detail: string) => ({
    ...{ what: 'roster', state, detail },
  })
  try {
    const { rosters } = await fetchChain(config.server, config.rosterDigest, via)
    const why = whyNotNamed(rosters.at(-1), config, signer.keyId)
    const version = `version ${rosters.length} gives this enforcer its targets`
    return why === null ? found('ok', version) : found('fail', why)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    if (error instanceof ServerSilent)
      return found(
        'warn',
        `${config.server} cannot be asked (${reason}): nothing new is opened`,
      )
    return found('fail', reason)
  }
}

function whyNotNamed(
  roster: Roster | undefined,
  { enforcer, targets }: EnrolledConfig,
  keyId: KeyId,
): string | null {
  const named = roster?.enforcers.find(({ id }) => id === enforcer)
  const version = `version ${roster?.version}`
  if (named === undefined)
    return `${version} names no ${enforcer}: give a trustee what enroll printed, for roster propose --enforcer`
  if (named.keyId !== keyId)
    return `${version} gives ${enforcer} the key ${named.keyId}, not ${keyId}`
  const mine = Object.keys(targets)
  const foreign = mine.filter((target) => !named.targets.includes(target))
  if (foreign.length > 0)
    return `${version} does not give ${enforcer} ${foreign.join(', ')}`
  const unserved = named.targets.filter((target) => !mine.includes(target))
  return unserved.length === 0
    ? null
    : `${version} gives ${enforcer} ${unserved.join(', ')}, which config.json does not name`
}

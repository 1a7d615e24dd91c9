import { type ProbeResult, showAbsence } from '@halligan/core'

/**
 * Readings of an account; and, once all of them show absence, whether its secret is refused as well, where there is one to try
 * and the target answers. Extra evidence only: a grantee may have changed it.
 */
export async function withLogin(
  readings: readonly ProbeResult[],
  secret: string | null,
  tryLogin: (secret: string) => Promise<ProbeResult | null>,
): Promise<readonly ProbeResult[]> {
  if (secret === null || !showAbsence(readings)) return readings
  const login = await tryLogin(secret)
  return login === null ? readings : [...readings, login]
}

/**
 * The secret of a shared account, whatever the target: it is in the vault before it is at the target, and confirmed once it was
 * seen there.
 *
 * @module
 */
import type { Instant, ProbeResult } from '@halligan/core'
import type { Vault, VaultSecrets } from '../store/port.ts'

/** One account, and where its secrets are kept. */
export type Kept = Readonly<{
  vault: Vault
  settings: Readonly<{ target: string }>
  account: string
}>

/** Gives the account this secret and no other. Throws unless the target then has it. */
type SetSecret = (secret: string) => Promise<unknown>

/** In the vault, then at the target, then confirmed. */
export async function giveSecret(
  { vault, settings: { target }, account }: Kept,
  secret: string,
  set: SetSecret,
): Promise<void> {
  await vault.propose(target, account, secret)
  await set(secret)
  await vault.confirm(target, account)
}

/**
 * What the vault has. Throws with what to do where it cannot read all of it and nothing is known to be `exposed` either: a rotation has
 * to show that the old secret opens nothing more.
 */
export async function readableSecrets(
  { vault, settings: { target }, account }: Kept,
  exposed: readonly string[] = [],
): Promise<VaultSecrets> {
  const secrets = await vault.secrets(target, account)
  if (secrets.unreadable.length > 0 && exposed.length === 0)
    throw new Error(secrets.unreadable.join('; '))
  return secrets
}

/**
 * Finishes what a crash may have left between proposing and confirming, by setting that secret again. Answers the one that
 * holds now; or null where there has been none, and where the one that holds may be one that cannot be read: then another is set,
 * so that a damaged vault keeps nobody from an account in an emergency.
 */
export async function settleSecret(
  { vault, settings: { target }, account }: Kept,
  set: SetSecret,
): Promise<string | null> {
  const { current, proposed, unreadable } = await vault.secrets(target, account)
  if (proposed === null) return unreadable.length === 0 ? current : null
  await set(proposed)
  await vault.confirm(target, account)
  return proposed
}

/** What a rotation has to show, by real logins. `isOpenTo` throws where the target says neither. */
export async function rotationReadings(
  { olds, fresh }: Readonly<{ olds: readonly (string | null)[]; fresh: string }>,
  isOpenTo: (secret: string) => Promise<boolean>,
  at: Instant,
): Promise<readonly ProbeResult[]> {
  const isDead = async (old: string | null) => old === null || !(await isOpenTo(old))
  const dead = await Promise.all([...new Set(olds)].map(isDead))
  return [
    ...dead.map((absent) => ({ probe: 'old_secret', absent, at })),
    { probe: 'new_secret_refused', absent: await isOpenTo(fresh), at },
  ]
}

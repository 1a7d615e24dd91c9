/**
 * What is done at MariaDB about a shared account: unlocked to one secret, locked, and given another.
 *
 * @module
 */
import type { Instant, ProbeResult } from '@halligan/core'
import type { Vault } from '../store/port.ts'
import {
  giveSecret,
  readableSecrets,
  rotationReadings,
  settleSecret,
} from './account-secret.ts'
import type { AccountSteps, HandOut } from './check-out.ts'
import { withLogin } from './login-reading.ts'
import {
  checkClock,
  hashOf,
  mayLogIn,
  readAccount,
  targetNow,
  whileApplying,
} from './mariadb-account.ts'
import { endAccess, sessionsGone } from './mariadb-ending.ts'
import type { TargetLock } from './mariadb-lock.ts'
import { loginRefused, noSessions, opens } from './mariadb-probe.ts'
import { type Connect, onSession, type Session } from './mariadb-session.ts'
import type { MariadbSettings } from './mariadb-settings.ts'
import { newPassword } from './new-password.ts'
import type { Opening } from './port.ts'

type Desk = Readonly<{
  connect: Connect
  settings: MariadbSettings
  lock: TargetLock
  vault: Vault
}>

/** One account, with all that is needed to act on it. */
type Kept = Desk & Readonly<{ account: string }>

export const accountAt =
  (desk: Desk) =>
  (account: string): AccountSteps => {
    const kept = { ...desk, account }
    return {
      open: (opening, handOut) => open(kept, opening, handOut),
      reseal: (handOut) => reseal(kept, handOut),
      isOpen: async () => mayLogIn(await read(kept)),
      shut: () => endAccess(desk.connect, account, 'keep'),
      probe: (secret) => probe(kept, secret),
      rotate: (exposed) => rotate(kept, exposed),
      forget: (grant) =>
        onSession(desk.connect, async (session) => {
          await session.call('forget_check_out', grant)
        }),
    }
  }

/** Throws unless the target then shows that the account has it. */
const setting =
  ({ account }: Kept, session: Session) =>
  async (secret: string) => {
    await session.call('set_hash', account, hashOf(secret))
    if ((await readAccount(session, account)).hash !== hashOf(secret))
      throw new Error(`${account} did not take its new secret`)
  }

const open = (kept: Kept, opening: Opening, handOut: HandOut): Promise<string> =>
  kept.lock.whileHeld((session) =>
    whileApplying(session, kept.account, () => unlock(kept, session, opening, handOut)),
  )

async function unlock(
  kept: Kept,
  session: Session,
  opening: Opening,
  handOut: HandOut,
): Promise<string> {
  const { account } = kept
  await checkClock(session, opening)
  const set = setting(kept, session)
  const current = await settleSecret(kept, set)
  const secret = handOut(current)
  if (secret !== current) await giveSecret(kept, secret, set)
  await session.call('note_check_out', account, opening.grant)
  await checkClock(session, opening)
  await session.call('unlock_account', account, opening.deadline)
  await checkClock(session, opening)
  return secret
}

const reseal = (kept: Kept, handOut: HandOut): Promise<string> =>
  kept.lock.whileHeld(async (session) => {
    if (!mayLogIn(await readAccount(session, kept.account)))
      throw new Error(`${kept.account} may not log in any more`)
    const set = setting(kept, session)
    await settleSecret(kept, set)
    const secret = handOut(null)
    await giveSecret(kept, secret, set)
    return secret
  })

const read = ({ connect, account }: Kept) =>
  onSession(connect, (session) => readAccount(session, account))

async function probe(kept: Kept, secret: string | null): Promise<readonly ProbeResult[]> {
  const { account, settings } = kept
  const found = await read(kept)
  const at = found.now_millis as Instant
  const isShut = found.unlocked === 0
  const readings = [{ probe: 'global_priv', absent: isShut, at }, noSessions(found)]
  return withLogin(readings, secret, (password) =>
    loginRefused(settings, { user: account, password }, at),
  )
}

/** Whoever is inside with the old secret is ended as well; then the account is open to the new one alone. */
const rotate = (kept: Kept, exposed: readonly string[]): Promise<readonly ProbeResult[]> =>
  kept.lock.whileHeld(async (session) => {
    const { account, settings } = kept
    const set = setting(kept, session)
    await readableSecrets(kept, exposed)
    const old = await settleSecret(kept, set)
    const fresh = newPassword()
    await giveSecret(kept, fresh, set)
    await sessionsGone(session, account)
    await session.call('unlock_account', account, null)
    const at = await targetNow(session)
    const isOpenTo = (password: string) => opens(settings, { user: account, password })
    return rotationReadings({ olds: [old, ...exposed], fresh }, isOpenTo, at)
  })

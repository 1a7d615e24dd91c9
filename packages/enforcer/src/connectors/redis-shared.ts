/**
 * What is done at Redis about a shared account: switched on for one secret, switched off, and given another.
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
import { newPassword } from './new-password.ts'
import type { Opening } from './port.ts'
import { endAccess, killing, sessionsGone } from './redis-ending.ts'
import { type Gate, type HeldLock, type TargetLock, targetNow } from './redis-lock.ts'
import { loginRefused, look, noClients, opens } from './redis-probe.ts'
import { type Connect, onSession } from './redis-session.ts'
import type { RedisSettings } from './redis-settings.ts'
import {
  checkEndable,
  checkedOutKey,
  hashOf,
  openKey,
  readUser,
  saving,
  type User,
} from './redis-user.ts'

type Desk = Readonly<{
  connect: Connect
  settings: RedisSettings
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
      isOpen: () =>
        onSession(
          desk.connect,
          async (session) => (await readUser(session, account))?.isOn === true,
        ),
      shut: () => endAccess(desk.connect, account, 'keep'),
      probe: (secret) => probe(kept, secret),
      rotate: (exposed) => rotate(kept, exposed),
      forget: (grant) =>
        onSession(
          desk.connect,
          async (session) => void (await session.ask('DEL', checkedOutKey(grant))),
        ),
    }
  }

async function existing({ session }: HeldLock, { account }: Kept): Promise<User> {
  const found = await readUser(session, account)
  if (found === null) throw new Error(`there is no user ${account}`)
  return found
}

/** Throws unless the target then shows that the account has it. */
const setting = (kept: Kept, held: HeldLock, gate: Gate) => async (secret: string) => {
  const { account } = kept
  const hash = hashOf(secret)
  const changing = ['ACL', 'SETUSER', account, 'resetpass', `#${hash}`]
  await gate.open([changing, ...saving(held.session)])
  if (!isOpenTo(await existing(held, kept), hash))
    throw new Error(`${account} did not take its new secret alone`)
}

/** To this one secret and to no other. */
const isOpenTo = ({ hashes, hasNoPassword }: User, hash: string): boolean =>
  !hasNoPassword && hashes.length === 1 && hashes[0] === hash

const open = (kept: Kept, opening: Opening, handOut: HandOut): Promise<string> =>
  kept.lock.whileHeld(async (held) => {
    const { account, settings } = kept
    const { session } = held
    const gate = await held.gate(account, opening.applyBefore)
    const found = await existing(held, kept)
    if (settings.unendable !== true) await checkEndable(held, account, found)
    const set = setting(kept, held, gate)
    const current = await settleSecret(kept, set)
    const secret = handOut(current)
    if (secret !== current) await giveSecret(kept, secret, set)
    const since = String(await targetNow(session))
    await gate.open([
      ['SET', checkedOutKey(opening.grant), since, 'NX'],
      ['SET', openKey(account), '1'],
      ['ACL', 'SETUSER', account, 'on'],
      ...saving(session),
    ])
    return secret
  })

const millisToChange = 30_000

const gateFor = async (held: HeldLock, account: string): Promise<Gate> =>
  held.gate(account, ((await targetNow(held.session)) + millisToChange) as Instant)

const reseal = (kept: Kept, handOut: HandOut): Promise<string> =>
  kept.lock.whileHeld(async (held) => {
    const gate = await gateFor(held, kept.account)
    if (!(await existing(held, kept)).isOn)
      throw new Error(`${kept.account} may not log in any more`)
    const set = setting(kept, held, gate)
    await settleSecret(kept, set)
    const secret = handOut(null)
    await giveSecret(kept, secret, set)
    return secret
  })

async function probe(
  { account, connect, settings }: Kept,
  secret: string | null,
): Promise<readonly ProbeResult[]> {
  const sight = await look(connect, account)
  const { at, user } = sight
  const readings = [
    { probe: 'acl_user', absent: user === null || !user.isOn, at },
    { probe: 'acl_file', absent: !sight.mayReopen, at },
    noClients(sight),
  ]
  return withLogin(readings, secret, (password) =>
    loginRefused(settings, { user: account, password }, at),
  )
}

/** Whoever is inside with the old secret is ended as well; then the account is open to the new one alone. */
const rotate = (kept: Kept, exposed: readonly string[]): Promise<readonly ProbeResult[]> =>
  kept.lock.whileHeld(async (held) => {
    const { account, settings } = kept
    const { session } = held
    const gate = await gateFor(held, account)
    await existing(held, kept)
    const set = setting(kept, held, gate)
    await readableSecrets(kept, exposed)
    const old = await settleSecret(kept, set)
    const fresh = newPassword()
    await giveSecret(kept, fresh, set)
    await session.together([killing(account)])
    await sessionsGone(session, account)
    await gate.open([['ACL', 'SETUSER', account, 'on'], ...saving(session)])
    const at = await targetNow(session)
    const isOpenTo = (password: string) => opens(settings, { user: account, password })
    return rotationReadings({ olds: [old, ...exposed], fresh }, isOpenTo, at)
  })

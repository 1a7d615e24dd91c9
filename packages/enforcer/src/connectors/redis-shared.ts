/**
 * What is done at Redis about a shared account: switched on for one secret, switched off, and given another.
 *
 * @module
 */
import type { Instant, ProbeResult } from '@halligan/core'
import type { Vault } from '../store/port.ts'
import type { AccountSteps, HandOut } from './check-out.ts'
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
      rotate: () => rotate(kept),
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

/** In the vault, then at the target, then seen there, then confirmed. */
async function give(kept: Kept, held: HeldLock, gate: Gate, secret: string): Promise<void> {
  await kept.vault.propose(kept.settings.target, kept.account, secret)
  await settle(kept, held, gate)
}

/** Finishes what a crash may have left between proposing and confirming. Answers the secret that holds now. */
async function settle(kept: Kept, held: HeldLock, gate: Gate): Promise<string | null> {
  const { account, vault, settings } = kept
  const { current, proposed } = await vault.secrets(settings.target, account)
  if (proposed === null) return current
  const hash = hashOf(proposed)
  const changing = ['ACL', 'SETUSER', account, 'resetpass', `#${hash}`]
  await gate.open([changing, ...saving(held.session)])
  if (!isOpenTo(await existing(held, kept), hash))
    throw new Error(`${account} did not take its new secret alone`)
  await vault.confirm(settings.target, account)
  return proposed
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
    const current = await settle(kept, held, gate)
    const secret = handOut(current)
    if (secret !== current) await give(kept, held, gate, secret)
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
    await settle(kept, held, gate)
    const secret = handOut(null)
    await give(kept, held, gate, secret)
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
  if (secret === null || !readings.every(({ absent }) => absent)) return readings
  const login = { user: account, password: secret }
  return [...readings, ...(await loginRefused(settings, login, at))]
}

/** Whoever is inside with the old secret is ended as well; then the account is open to the new one alone. */
const rotate = (kept: Kept): Promise<readonly ProbeResult[]> =>
  kept.lock.whileHeld(async (held) => {
    const { account, settings } = kept
    const { session } = held
    const gate = await gateFor(held, account)
    await existing(held, kept)
    const old = await settle(kept, held, gate)
    const secret = newPassword()
    await give(kept, held, gate, secret)
    await session.together([killing(account)])
    await sessionsGone(session, account)
    await gate.open([['ACL', 'SETUSER', account, 'on'], ...saving(session)])
    const at = await targetNow(session)
    const isOpenTo = (password: string) => opens(settings, { user: account, password })
    return [
      { probe: 'old_secret', absent: old === null || !(await isOpenTo(old)), at },
      { probe: 'new_secret_refused', absent: await isOpenTo(secret), at },
    ]
  })

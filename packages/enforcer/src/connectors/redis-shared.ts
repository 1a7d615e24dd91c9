/**
 * Shared accounts, checked out to one requester at a time. At rest such an account is open to the secret in the vault alone,
 * which nobody has: a sealed emergency account. Every secret is in the vault before it is at the target, so that whoever opens
 * the vault offline, at any moment, finds the one that works.
 *
 * @module
 */
import type { GrantId, Instant, ProbeResult } from '@halligan/core'
import type { Vault, VaultSecrets } from '../store/port.ts'
import type { Access } from './access.ts'
import type { Held, Opening } from './port.ts'
import { endAccess, killing, sessionsGone } from './redis-ending.ts'
import { type Gate, type HeldLock, TooLate, targetNow } from './redis-lock.ts'
import type { AccessPorts } from './redis-own.ts'
import { loginRefused, look, noClients, opens } from './redis-probe.ts'
import { onSession } from './redis-session.ts'
import {
  checkEndable,
  checkedOutKey,
  hashOf,
  newPassword,
  openKey,
  readUser,
  saving,
  type User,
} from './redis-user.ts'
import { oneAtATimePer } from './rounds.ts'
import { accountNamed, mustBeFree } from './shared-account.ts'

export type SharedPorts = AccessPorts & Readonly<{ vault: Vault; held(): readonly Held[] }>

export type SharedAccounts = Readonly<{
  at(account: string): Access
  rotate(account: string): Promise<readonly ProbeResult[]>
  /** `work` while none of the above is about the account. */
  quietly: ReturnType<typeof oneAtATimePer<string>>
  /** What the vault holds for it. */
  secrets(account: string): Promise<VaultSecrets>
}>

export function sharedAccounts(ports: SharedPorts): SharedAccounts {
  const quietly = oneAtATimePer<string>()
  return {
    quietly,
    secrets: (account) => ports.vault.secrets(ports.settings.target, account),
    rotate: (account) => quietly(account, () => rotate({ ...ports, account })),
    at: (account) => {
      const desk = { ...ports, account }
      return {
        user: () => account,
        open: (opening) => quietly(account, () => checkOut(desk, opening)),
        reseal: (grant) => quietly(account, () => reseal(desk, grant)),
        isOpen: async (grant) => {
          const read = await onSession(ports.connect, (session) =>
            readUser(session, account),
          )
          return isNoted(desk, grant) && read?.isOn === true
        },
        end: (grant) => quietly(account, () => end(desk, grant)),
        probe: (grant) => quietly(account, () => probe(desk, grant)),
        cleanUp: (grant) =>
          onSession(
            ports.connect,
            async (session) => void (await session.ask('DEL', checkedOutKey(grant))),
          ),
      }
    },
  }
}

/** One account, with all that is needed to act on it. */
type Desk = SharedPorts & Readonly<{ account: string }>

/** Other grants that hold the account, so that ending one must leave it open (EN-17). */
const othersOf = ({ held, account }: Desk, grant: GrantId | null): readonly Held[] =>
  held().filter(
    (other) =>
      other.grant !== grant &&
      other.phase === 'standing' &&
      accountNamed(other.privileges) === account,
  )

const isNoted = ({ notes, account }: Desk, grant: GrantId): boolean =>
  notes.get(grant)?.shared === account

/** What is `closing` was proven absent: since then the account may be sealed again, or another grant's. */
const phaseOf = ({ held }: Desk, grant: GrantId): Held['phase'] | null =>
  held().find((each) => each.grant === grant)?.phase ?? null

async function existing({ session }: HeldLock, { account }: Desk): Promise<User> {
  const found = await readUser(session, account)
  if (found === null) throw new Error(`there is no user ${account}`)
  return found
}

const secretsOf = ({ vault, settings, account }: Desk): Promise<VaultSecrets> =>
  vault.secrets(settings.target, account)

/** In the vault, then at the target, then seen there, then confirmed. */
async function give(desk: Desk, held: HeldLock, gate: Gate, secret: string): Promise<void> {
  await desk.vault.propose(desk.settings.target, desk.account, secret)
  await settle(desk, held, gate)
}

/** Finishes what a crash may have left between proposing and confirming. Answers the secret that holds now. */
async function settle(desk: Desk, held: HeldLock, gate: Gate): Promise<string | null> {
  const { account, vault, settings } = desk
  const { current, proposed } = await secretsOf(desk)
  if (proposed === null) return current
  const hash = hashOf(proposed)
  const changing = ['ACL', 'SETUSER', account, 'resetpass', `#${hash}`]
  await gate.open([changing, ...saving(held.session)])
  if (!isOpenTo(await existing(held, desk), hash))
    throw new Error(`${account} did not take its new secret alone`)
  await vault.confirm(settings.target, account)
  return proposed
}

/** To this one secret and to no other. */
const isOpenTo = ({ hashes, hasNoPassword }: User, hash: string): boolean =>
  !hasNoPassword && hashes.length === 1 && hashes[0] === hash

/** A fresh secret, but beside an overlapping grant the one that is out already: neither loses access for a moment. */
async function checkOut(desk: Desk, opening: Opening): Promise<string> {
  mustBeFree(opening, desk.settings.accounts ?? [], desk.held())
  return desk.lock.whileHeld(async (held) => {
    try {
      return await unlock(desk, held, opening)
    } catch (error) {
      if (error instanceof TooLate && isNoted(desk, opening.grant))
        await endUnlessHeld(desk, opening.grant)
      throw error
    }
  })
}

async function unlock(desk: Desk, held: HeldLock, opening: Opening): Promise<string> {
  const { account, notes, settings } = desk
  const { grant, applyBefore } = opening
  const { session } = held
  const gate = await held.gate(account, applyBefore)
  const found = await existing(held, desk)
  if (settings.unendable !== true) await checkEndable(held, account, found)
  const current = await settle(desk, held, gate)
  const isOut = othersOf(desk, grant).some((other) => isNoted(desk, other.grant))
  const secret = isOut && current !== null ? current : newPassword()
  notes.put(grant, { shared: account, password: secret, rotated: false, rights: null })
  if (secret !== current) await give(desk, held, gate, secret)
  const since = String(await targetNow(session))
  await gate.open([
    ['SET', checkedOutKey(grant), since, 'NX'],
    ['SET', openKey(account), '1'],
    ['ACL', 'SETUSER', account, 'on'],
    ...saving(session),
  ])
  return secret
}

const millisToChange = 30_000

const gateFor = async (held: HeldLock, account: string): Promise<Gate> =>
  held.gate(account, ((await targetNow(held.session)) + millisToChange) as Instant)

async function reseal(desk: Desk, grant: GrantId): Promise<string> {
  const { account, lock, notes } = desk
  return lock.whileHeld(async (held) => {
    const gate = await gateFor(held, account)
    const note = notes.get(grant)
    if (note === null || !(await existing(held, desk)).isOn)
      throw new Error(`${account} may not log in any more`)
    const secret = newPassword()
    notes.put(grant, { ...note, password: secret })
    await give(desk, held, gate, secret)
    return secret
  })
}

/** An account that was rotated since is sealed again, or somebody else's: ending once more must not shut it. */
async function end(desk: Desk, grant: GrantId): Promise<void> {
  const isDone =
    phaseOf(desk, grant) === 'closing' || desk.notes.get(grant)?.rotated === true
  if (!isDone) await endUnlessHeld(desk, grant)
}

async function endUnlessHeld(desk: Desk, grant: GrantId): Promise<void> {
  if (othersOf(desk, grant).length === 0)
    await endAccess(desk.connect, desk.account, 'keep')
}

async function probe(desk: Desk, grant: GrantId): Promise<readonly ProbeResult[]> {
  const { account, connect, settings, notes } = desk
  const sight = await look(connect, account)
  const { at, user } = sight
  const phase = phaseOf(desk, grant)
  if (phase === 'closing' || othersOf(desk, grant).length > 0)
    return [{ probe: 'held_by_this_grant', absent: phase !== 'standing', at }]
  const note = notes.get(grant)
  const isChanged =
    note?.rotated === true &&
    user?.hasNoPassword === false &&
    !user.hashes.includes(hashOf(note.password))
  const isShut = user === null || !user.isOn || isChanged
  const readings = [
    { probe: 'acl_user', absent: isShut, at },
    { probe: 'acl_file', absent: isChanged || !sight.mayReopen, at },
    noClients(sight),
  ]
  if (note === null || !readings.every(({ absent }) => absent)) return readings
  const login = { user: account, password: note.password }
  return [...readings, ...(await loginRefused(settings, login, at))]
}

/** Whoever is inside with the old secret is ended as well; then the account is open to the new one alone. */
function rotate(desk: Desk): Promise<readonly ProbeResult[]> {
  const { account, lock, settings } = desk
  return lock.whileHeld(async (held) => {
    const { session } = held
    const [holder] = othersOf(desk, null)
    if (holder !== undefined)
      throw new Error(`${account} is checked out by ${holder.grant}`)
    const gate = await gateFor(held, account)
    await existing(held, desk)
    const old = await settle(desk, held, gate)
    const secret = newPassword()
    await give(desk, held, gate, secret)
    await session.together([killing(account)])
    await sessionsGone(session, account)
    await gate.open([['ACL', 'SETUSER', account, 'on'], ...saving(session)])
    const at = await targetNow(session)
    const isOldOpen =
      old !== null && (await opens(settings, { user: account, password: old }))
    const isNewOpen = await opens(settings, { user: account, password: secret })
    if (!isOldOpen && isNewOpen) noteRotation(desk)
    return [
      { probe: 'old_secret', absent: !isOldOpen, at },
      { probe: 'new_secret_refused', absent: isNewOpen, at },
    ]
  })
}

/** None of the grants that had an older secret has to do with the account any more. */
function noteRotation({ account, held, notes }: Desk): void {
  for (const { grant } of held()) {
    const note = notes.get(grant)
    if (note?.shared === account) notes.put(grant, { ...note, rotated: true })
  }
}

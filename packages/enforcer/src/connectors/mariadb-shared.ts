/**
 * Shared accounts, checked out to one requester at a time. At rest such an account is open to the secret in the vault alone,
 * which nobody has: a sealed emergency account. Every secret is in the vault before it is at the target, so that whoever
 * opens the vault offline, at any moment, finds the one that works.
 *
 * @module
 */
import type { GrantId, Instant, ProbeResult } from '@halligan/core'
import type { Vault, VaultSecrets } from '../store/port.ts'
import type { Access } from './access.ts'
import type { AccessPorts } from './mariadb-access.ts'
import {
  checkClock,
  hashOf,
  mayLogIn,
  newPassword,
  readAccount,
  TooLate,
  targetNow,
  whileApplying,
} from './mariadb-account.ts'
import { endAccess, sessionsGone } from './mariadb-ending.ts'
import { loginRefused, noSessions, opens } from './mariadb-probe.ts'
import { onSession, type Session } from './mariadb-session.ts'
import type { Held, Opening } from './port.ts'
import { oneAtATimePer } from './rounds.ts'
import { accountNamed, mustBeFree } from './shared-account.ts'

export type SharedPorts = AccessPorts &
  Readonly<{ vault: Vault; held(grant?: GrantId): readonly Held[] }>

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
        isOpen: (grant) => isOpen(desk, grant),
        end: (grant) => quietly(account, () => end(desk, grant)),
        probe: (grant) => quietly(account, () => probe(desk, grant)),
        cleanUp: (grant) =>
          onSession(ports.connect, async (session) => {
            await session.call('forget_check_out', grant)
          }),
      }
    },
  }
}

/** One account, with all that is needed to act on it. */
type Desk = SharedPorts & Readonly<{ account: string }>

const secretsOf = ({ vault, settings, account }: Desk): Promise<VaultSecrets> =>
  vault.secrets(settings.target, account)

/** Other grants that hold the account, so that ending one must leave it open (EN-17). */
const othersOf = ({ held, account }: Desk, grant: GrantId | null): readonly Held[] =>
  held().filter(
    (other) =>
      other.grant !== grant &&
      other.phase === 'standing' &&
      accountNamed(other.privileges) === account,
  )

/** In the vault, then at the target, then seen there, then confirmed. */
async function give(desk: Desk, session: Session, secret: string): Promise<void> {
  await desk.vault.propose(desk.settings.target, desk.account, secret)
  await settle(desk, session)
}

/** Finishes what a crash may have left between proposing and confirming. Answers the secret that holds now. */
async function settle(desk: Desk, session: Session): Promise<string | null> {
  const { account, vault, settings } = desk
  const { current, proposed } = await secretsOf(desk)
  if (proposed === null) return current
  await session.call('set_hash', account, hashOf(proposed))
  if ((await readAccount(session, account)).hash !== hashOf(proposed))
    throw new Error(`${account} did not take its new secret`)
  await vault.confirm(settings.target, account)
  return proposed
}

/** A fresh secret, but beside an overlapping grant the one that is out already: neither loses access for a moment. */
async function checkOut(desk: Desk, opening: Opening): Promise<string> {
  mustBeFree(opening, desk.settings.accounts ?? [], desk.held())
  return desk.lock.whileHeld(async (session) => {
    try {
      return await whileApplying(session, desk.account, () =>
        unlock(desk, session, opening),
      )
    } catch (error) {
      if (error instanceof TooLate && isNoted(desk, opening.grant))
        await endUnlessHeld(desk, opening.grant)
      throw error
    }
  })
}

async function unlock(desk: Desk, session: Session, opening: Opening): Promise<string> {
  const { account, notes } = desk
  const { grant } = opening
  await checkClock(session, opening)
  const current = await settle(desk, session)
  const isOut = othersOf(desk, grant).some((other) => isNoted(desk, other.grant))
  const secret = isOut && current !== null ? current : newPassword()
  notes.put(grant, { shared: account, password: secret, rotated: false })
  if (secret !== current) await give(desk, session, secret)
  await session.call('note_check_out', account, grant)
  await checkClock(session, opening)
  await session.call('unlock_account', account, opening.deadline)
  await checkClock(session, opening)
  return secret
}

const isNoted = ({ notes, account }: Desk, grant: GrantId): boolean =>
  notes.get(grant)?.shared === account

async function reseal(desk: Desk, grant: GrantId): Promise<string> {
  const { account, lock, notes } = desk
  return lock.whileHeld(async (session) => {
    const note = notes.get(grant)
    if (note === null || !mayLogIn(await readAccount(session, account)))
      throw new Error(`${account} may not log in any more`)
    const secret = newPassword()
    notes.put(grant, { ...note, password: secret })
    await give(desk, session, secret)
    return secret
  })
}

async function isOpen(desk: Desk, grant: GrantId): Promise<boolean> {
  if (!isNoted(desk, grant)) return false
  return mayLogIn(await read(desk))
}

const read = ({ connect, account }: Desk) =>
  onSession(connect, (session) => readAccount(session, account))

/** An account that was rotated since is sealed again, or somebody else's: ending once more must not lock it. */
async function end(desk: Desk, grant: GrantId): Promise<void> {
  const isDone =
    phaseOf(desk, grant) === 'closing' || desk.notes.get(grant)?.rotated === true
  if (!isDone) await endUnlessHeld(desk, grant)
}

/** What is `closing` was proven absent: since then the account may be sealed again, or another grant's. */
const phaseOf = ({ held }: Desk, grant: GrantId): Held['phase'] | null =>
  held(grant).find((each) => each.grant === grant)?.phase ?? null

async function endUnlessHeld(desk: Desk, grant: GrantId): Promise<void> {
  if (othersOf(desk, grant).length === 0)
    await endAccess(desk.connect, desk.account, 'keep')
}

async function probe(desk: Desk, grant: GrantId): Promise<readonly ProbeResult[]> {
  const { account, settings, notes } = desk
  const found = await read(desk)
  const at = found.now_millis as Instant
  const phase = phaseOf(desk, grant)
  if (phase === 'closing' || othersOf(desk, grant).length > 0)
    return [{ probe: 'held_by_this_grant', absent: phase !== 'standing', at }]
  const note = notes.get(grant)
  const isChanged = note?.rotated === true && found.hash !== hashOf(note.password)
  const isShut = found.unlocked === 0 || isChanged
  const readings = [{ probe: 'global_priv', absent: isShut, at }, noSessions(found)]
  if (note === null || !readings.every(({ absent }) => absent)) return readings
  const login = { user: account, password: note.password }
  return [...readings, ...(await loginRefused(settings, login, at))]
}

/** Whoever is inside with the old secret is ended as well; then the account is open to the new one alone. */
async function rotate(desk: Desk): Promise<readonly ProbeResult[]> {
  const { account, lock, settings } = desk
  return lock.whileHeld(async (session) => {
    const [holder] = othersOf(desk, null)
    if (holder !== undefined)
      throw new Error(`${account} is checked out by ${holder.grant}`)
    const old = await settle(desk, session)
    const secret = newPassword()
    await give(desk, session, secret)
    await sessionsGone(session, account)
    await session.call('unlock_account', account, null)
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

/**
 * One enforcer per target (PROTOCOL 6). LDAP has no locks of sessions, so that the lock is an entry, which holds the token
 * of whoever holds the target, and a count that its holder changes three times a lease.
 *
 * Why it is sound. The lease is only manners: whoever is taken over, however long it was frozen and whatever of it is still
 * on its way, can open nothing any more. Taking over replaces the token, by one modification that asserts (RFC 4528) the old
 * token and the count that did not move for a whole lease, by the directory's own clock (entryCSN of what was just written);
 * of two that do so at once, one is refused. Then it rewrites every group, which changes the group's entryCSN and nothing
 * else. A holder opens in three steps: it reads the group's entryCSN, it makes sure of its token by a modification of the lock
 * that asserts it, and it adds the member by a modification that asserts that entryCSN. Taken over before the second step,
 * it is refused there; after it, the group was rewritten since the first, and the third is refused. An entry of a grant is
 * made without a password, then the token is made sure of, and only then the password is set: whoever takes over between
 * the last two and ends the grant has deleted the entry, and there is nothing to set a password of.
 *
 * Transactions (RFC 5805) would say all that in one step. slapd 2.5.13 has them, and dies now and then of their end.
 *
 * The lock is given up with its connection: a holder that has lost it does not renew, and has to take it again.
 *
 * @module
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { Instant } from '@halligan/core'
import {
  AndFilter,
  Attribute,
  Change,
  type Control,
  EqualityFilter,
  type Filter,
  NotFilter,
  PresenceFilter,
} from 'ldapts'
import { oids, onlyIf, PostRead } from './ldap-controls.ts'
import { rdnOf } from './ldap-dn.ts'
import {
  connectAs,
  leave,
  readEntry,
  resultCode,
  resultCodes,
  type Session,
  search,
  unless,
  valuesOf,
} from './ldap-session.ts'
import type { LdapSettings } from './ldap-settings.ts'
import { TargetTaken } from './port.ts'

export type Held = Readonly<{
  session: Session
  /** The directory's own clock, read by writing. Throws `TargetTaken` when the token does not stand any more. */
  now(): Promise<Instant>
}>

export type LdapLock = Readonly<{
  /** Throws {@link TargetTaken}. */
  take(): Promise<void>
  /**
   * One piece of work at a time. Takes the lock again first, if it was lost. Work that throws has an outcome that nobody
   * knows: the token it was done under is replaced before anything else is done here.
   */
  whileHeld<T>(work: (held: Held) => Promise<T>): Promise<T>
  /** Resolves once nothing that {@link whileHeld} began can still take effect. */
  settle(): Promise<void>
  release(): Promise<void>
}>

const millisBetweenLooks = 100

export function ldapLock(settings: LdapSettings): LdapLock {
  /** Of earlier sessions of this very process: no lease need run out to replace one. */
  const own = new Set<string>()
  let current: Holding | null = null
  let inDoubt = false
  let queue: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = queue.then(work)
    queue = turn.catch(() => undefined)
    return turn
  }
  const drop = async () => {
    const holding = current
    current = null
    if (holding === null) return
    clearInterval(holding.renewing)
    await leave(holding.session)
  }
  const take = async (): Promise<Holding> => {
    if (current?.session.client.isBound === true) return current
    await drop()
    const taken = await lockedSession(settings, own)
    own.add(taken.token)
    inDoubt = false
    const renew = () => inTurn(() => renewed(settings, taken)).catch(drop)
    const everyMillis = (settings.leaseSeconds * 1000) / 3
    const renewing = setInterval(() => void renew(), everyMillis).unref()
    current = { ...taken, renewing }
    return current
  }
  return {
    take: () => inTurn(async () => void (await take())),
    whileHeld: (work) =>
      inTurn(async () => {
        const holding = await take()
        try {
          return await work(heldBy(settings, holding))
        } catch (error) {
          inDoubt = true
          await drop()
          throw error
        }
      }),
    settle: async () => {
      if (!inDoubt) return
      await inTurn(async () => void (await take())).catch((error: unknown) => {
        if (!(error instanceof TargetTaken)) throw error
        inDoubt = false
      })
    },
    release: () =>
      inTurn(async () => {
        if (current?.session.client.isBound === true)
          await given(settings, current).catch(() => undefined)
        await drop()
      }),
  }
}

type Taken = Readonly<{ session: Session; token: string }>
type Holding = Taken & Readonly<{ renewing: NodeJS.Timeout }>

const tokenAttribute = 'serialNumber'
const countAttribute = 'l'
const touchAttribute = 'description'

const is = (attribute: string, value: string): Filter =>
  new EqualityFilter({ attribute, value })

const replace = (type: string, values: string[]): Change =>
  new Change({ operation: 'replace', modification: new Attribute({ type, values }) })

const freshCount = (): Change => replace(countAttribute, [randomBytes(9).toString('hex')])

function heldBy(settings: LdapSettings, { session, token }: Taken): Held {
  const standing = onlyIf(is(tokenAttribute, token))
  return {
    session,
    now: () =>
      writtenAt(settings, session, [freshCount()], standing).catch(taken(settings)),
  }
}

const taken =
  (settings: LdapSettings) =>
  (error: unknown): never => {
    if (resultCode(error) !== resultCodes.assertionFailed) throw error
    throw new TargetTaken(`another enforcer has taken ${settings.target} over`, {
      cause: error,
    })
  }

const renewed = (settings: LdapSettings, { session, token }: Taken): Promise<void> =>
  session.client.modify(settings.lock, [freshCount()], onlyIf(is(tokenAttribute, token)))

const given = (settings: LdapSettings, { session, token }: Taken): Promise<void> =>
  session.client.modify(
    settings.lock,
    replace(tokenAttribute, []),
    onlyIf(is(tokenAttribute, token)),
  )

/** Writes, and answers the directory's time of it in the same step. */
async function writtenAt(
  settings: LdapSettings,
  { client }: Session,
  changes: Change[],
  ...controls: Control[]
): Promise<Instant> {
  const after = new PostRead(['entryCSN'])
  await client.modify(settings.lock, changes, [...controls, after])
  return instantOf(after.text())
}

/** Of an entryCSN, which counts microseconds: the whole milliseconds. */
export function instantOf(text: string): Instant {
  const [, y, m, d, h, min, s, fraction = ''] =
    /(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)\.(\d{6})Z#/.exec(text) ?? []
  const at = Date.parse(`${y}-${m}-${d}T${h}:${min}:${s}.${fraction.slice(0, 3)}Z`)
  if (Number.isNaN(at)) throw new Error('the directory does not tell its time (entryCSN)')
  return at as Instant
}

async function lockedSession(
  settings: LdapSettings,
  own: ReadonlySet<string>,
): Promise<Taken> {
  const session = await connectAs(settings, settings.connector)
  try {
    await checkAbilities(session)
    const token = await takenBy(settings, session, own)
    await rewriteGroups(settings, session)
    return { session, token }
  } catch (error) {
    await leave(session)
    throw error
  }
}

/** Whatever a predecessor is about to add asserts the state from before this. */
async function rewriteGroups(settings: LdapSettings, { client }: Session): Promise<void> {
  for (const group of Object.values(settings.groups)) {
    const value = (operation: 'add' | 'delete') =>
      new Change({
        operation,
        modification: new Attribute({ type: group.attribute, values: [fenceOf(settings)] }),
      })
    await client
      .modify(group.dn, [value('add'), value('delete')])
      .catch(unless(resultCodes.noSuchObject))
  }
}

/** A name that no entry has and nobody is a member by. */
const fenceOf = ({ lock }: LdapSettings): string => `cn=fence,${lock}`

async function checkAbilities(session: Session): Promise<void> {
  const [root] = await search(session, '', { attributes: ['supportedControl'] })
  const known = root === undefined ? [] : valuesOf(root, 'supportedControl')
  for (const need of ['assertion', 'postRead'] as const)
    if (!known.includes(oids[need]))
      throw new Error(
        `the directory has no ${need} control (${oids[need]}), which the fence needs: OpenLDAP has it`,
      )
}

type Seen = Readonly<{ token: string; count: string; at: Instant }>

/** Answers the token that now stands. Waits for a predecessor that may be gone: one lease at most. */
async function takenBy(
  settings: LdapSettings,
  session: Session,
  own: ReadonlySet<string>,
): Promise<string> {
  const token = randomBytes(16).toString('hex')
  for (let first: Seen | null = null; ; await pause(millisBetweenLooks)) {
    const seen = await lockSeen(settings, session)
    if (seen === null) {
      if (await made(settings, session, token)) return token
    } else if (seen.token === '' || own.has(seen.token)) {
      if (await replaced(settings, session, seen, token)) return token
    } else {
      first ??= seen
      if (seen.token !== first.token || seen.count !== first.count)
        throw new TargetTaken(`another enforcer holds ${settings.target}`)
      const now = await writtenAt(settings, session, [
        replace(touchAttribute, [`looked at by ${token.slice(0, 8)}`]),
      ])
      const isOver = now - first.at > settings.leaseSeconds * 1000
      if (isOver && (await replaced(settings, session, first, token))) return token
    }
  }
}

/** `at` is when the entry was last written, by anybody: its holder has renewed then or before. */
async function lockSeen(settings: LdapSettings, session: Session): Promise<Seen | null> {
  const attributes = [tokenAttribute, countAttribute, 'entryCSN']
  const entry = await readEntry(session, settings.lock, attributes)
  if (entry === null) return null
  const one = (attribute: string) => valuesOf(entry, attribute)[0] ?? ''
  return {
    token: one(tokenAttribute),
    count: one(countAttribute),
    at: instantOf(one('entryCSN')),
  }
}

async function made(
  settings: LdapSettings,
  { client }: Session,
  token: string,
): Promise<boolean> {
  const rdn = rdnOf(settings.lock)
  if (rdn?.attribute.toLowerCase() !== 'cn')
    throw new Error('the lock of an ldap target is an entry named by cn')
  return client
    .add(settings.lock, {
      objectClass: ['device'],
      cn: [rdn.value],
      [tokenAttribute]: [token],
      [countAttribute]: ['0'],
    })
    .then(() => true, falseFor(resultCodes.entryAlreadyExists))
}

/** Only while the lock is as it was seen. */
function replaced(
  settings: LdapSettings,
  { client }: Session,
  seen: Seen,
  token: string,
): Promise<boolean> {
  const asSeen =
    seen.token === ''
      ? new NotFilter({ filter: new PresenceFilter({ attribute: tokenAttribute }) })
      : new AndFilter({
          filters: [is(tokenAttribute, seen.token), is(countAttribute, seen.count)],
        })
  return client
    .modify(settings.lock, [replace(tokenAttribute, [token]), freshCount()], onlyIf(asSeen))
    .then(() => true, falseFor(resultCodes.assertionFailed))
}

const falseFor =
  (code: number) =>
  (error: unknown): false => {
    if (resultCode(error) !== code) throw error
    return false
  }

import type { Envelope, GrantId, Json } from '@halligan/core'
import { parseGrantId } from '@halligan/core'
import { isEnvelope, parseStrict } from '@halligan/ledger'
import { exposedBy, rotateOnDemand } from './accounts.ts'
import type { DueLoop } from './due.ts'
import { type EndedHere, endAll, endByAct, endGrant } from './end-locally.ts'
import type { Site } from './site.ts'
import { type Hold, holdIn, mayStand } from './state.ts'

/** What can be asked over the unix socket. Whoever can open the socket is the host's root, or the enforcer itself. */
export type LocalCommand = Readonly<
  | { command: 'status' }
  | { command: 'end'; grant: GrantId }
  | { command: 'end_act'; act: Envelope }
  | { command: 'end_all' }
  /** `target` may be null where only one target keeps such an account. */
  | { command: 'rotate'; account: string; target: string | null }
>

export type LocalAnswer = Readonly<
  { ok: true; value: Json } | { ok: false; code: string; reason: string }
>

/** One line of JSON, strictly read; null for anything else. */
export function parseCommand(line: string): LocalCommand | null {
  const parsed = parseStrict(line, { length: 65_536 })
  if (!parsed.ok || typeof parsed.value !== 'object' || parsed.value === null) return null
  const {
    command,
    grant,
    act,
    account,
    target = null,
    ...more
  } = parsed.value as Readonly<Record<string, Json>>
  if (Object.keys(more).length > 0) return null
  if (command === 'status' || command === 'end_all') return { command }
  if (command === 'end_act' && isEnvelope(act)) return { command, act }
  if (command === 'rotate' && isName(account) && (target === null || isName(target)))
    return { command, account, target }
  const id = command === 'end' && typeof grant === 'string' ? parseGrantId(grant) : null
  return id?.ok ? { command: 'end', grant: id.value } : null
}

const isName = (value: Json | undefined): value is string =>
  typeof value === 'string' && value.length > 0 && value.length <= 128

/** Does what is asked. Endings are on disk when this answers; the target is asked right after, by the due loop. */
export async function obey(
  site: Site,
  due: Pick<DueLoop, 'trouble' | 'hurry' | 'backlog'>,
  command: LocalCommand,
): Promise<LocalAnswer> {
  switch (command.command) {
    case 'status':
      return { ok: true, value: statusOf(site, due) }
    case 'end':
      return hurried(due, endGrant(site, command.grant, 'local_root'))
    case 'end_all':
      return {
        ok: true,
        value: { ended: (await endAll(site)).map((place) => ({ ...place })) },
      }
    case 'end_act': {
      const ended = endByAct(site, command.act)
      return ended.ok ? hurried(due, ended.value) : { ok: false, ...ended.error }
    }
    case 'rotate': {
      const rotated = await rotateOnDemand(site, command.account, command.target)
      return rotated.ok
        ? { ok: true, value: rotated.value }
        : { ok: false, ...rotated.error }
    }
  }
}

/** What was ending already, but only waits for its turn, has somebody who asks for it now. */
function hurried(due: Pick<DueLoop, 'hurry'>, ended: EndedHere): LocalAnswer {
  for (const target of ended.held) due.hurry({ grant: ended.grant, target })
  return { ok: true, value: ended }
}

/** So many are named, those that are ending first: an answer that cannot be read helps nobody. */
export const mostHoldsNamed = 1000

function statusOf(site: Site, due: Pick<DueLoop, 'trouble' | 'backlog'>): Json {
  const { books, enforcer, estate, connectors } = site
  const trust = books.trust()
  const all = books.unfinished()
  const ending = all.filter((hold) => holdIn(hold, 'ending'))
  const others = all.filter((hold) => !holdIn(hold, 'ending'))
  const named = [...ending, ...others].slice(0, mostHoldsNamed)
  return {
    enforcer,
    estate,
    keyId: site.signer.keyId,
    targets: [...connectors.keys()],
    rosterVersions: trust.rosters.length,
    checkpoint: trust.checkpoint,
    receiptsWaiting: books.outgoing(1000).length,
    backlog: due.backlog(),
    holdsInAll: all.length,
    holds: named.map((hold) => holdStatus(hold, due)),
  }
}

/** The truth about one grant on one target. `trying` counts since this process started; null when the last try was well. */
function holdStatus(hold: Hold, due: Pick<DueLoop, 'trouble'>): Json {
  const trouble = due.trouble(hold)
  return {
    grant: hold.grant,
    target: hold.target,
    phase: hold.phase,
    notAfter: mayStand(hold) ? hold.order.notAfter : null,
    account: exposedBy(hold),
    endingSince: holdIn(hold, 'ending', 'absent') ? hold.since : null,
    absent: holdIn(hold, 'absent') ? { at: hold.absentAt, probes: hold.probes } : null,
    trying:
      trouble === null
        ? null
        : {
            work: trouble.work,
            attempts: trouble.attempts,
            lastError: trouble.why,
            since: trouble.since,
            nextTry: trouble.next,
          },
  }
}

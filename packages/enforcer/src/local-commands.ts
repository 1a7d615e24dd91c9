import type { Envelope, GrantId, Json } from '@halligan/core'
import { parseGrantId } from '@halligan/core'
import { isEnvelope, parseStrict } from '@halligan/ledger'
import { endAll, endByAct, endGrant } from './end-locally.ts'
import type { Site } from './site.ts'
import { mayStand } from './state.ts'

/** What can be asked over the unix socket. Whoever can open the socket is the host's root, or the enforcer itself. */
export type LocalCommand = Readonly<
  | { command: 'status' }
  | { command: 'end'; grant: GrantId }
  | { command: 'end_act'; act: Envelope }
  | { command: 'end_all' }
>

export type LocalAnswer = Readonly<
  { ok: true; value: Json } | { ok: false; code: string; reason: string }
>

/** One line of JSON, strictly read; null for anything else. */
export function parseCommand(line: string): LocalCommand | null {
  const parsed = parseStrict(line, { length: 65_536 })
  if (!parsed.ok || typeof parsed.value !== 'object' || parsed.value === null) return null
  const { command, grant, act, ...more } = parsed.value as Readonly<Record<string, Json>>
  if (Object.keys(more).length > 0) return null
  if (command === 'status' || command === 'end_all') return { command }
  if (command === 'end_act' && isEnvelope(act)) return { command, act }
  const id = command === 'end' && typeof grant === 'string' ? parseGrantId(grant) : null
  return id?.ok ? { command: 'end', grant: id.value } : null
}

/** Does what is asked. Endings are on disk when this answers; the target is asked right after, by the due loop. */
export async function obey(site: Site, command: LocalCommand): Promise<LocalAnswer> {
  switch (command.command) {
    case 'status':
      return { ok: true, value: statusOf(site) }
    case 'end':
      return { ok: true, value: endGrant(site, command.grant, 'local_root') }
    case 'end_all':
      return {
        ok: true,
        value: { ended: (await endAll(site)).map((place) => ({ ...place })) },
      }
    case 'end_act': {
      const ended = endByAct(site, command.act)
      if (ended.ok) return { ok: true, value: ended.value }
      return { ok: false, ...ended.error }
    }
  }
}

function statusOf(site: Site): Json {
  const { books, enforcer, estate, connectors } = site
  const trust = books.trust()
  return {
    enforcer,
    estate,
    keyId: site.signer.keyId,
    targets: [...connectors.keys()],
    rosterVersions: trust.rosters.length,
    checkpoint: trust.checkpoint,
    receiptsWaiting: books.outgoing(1000).length,
    holds: books.unfinished().map((hold) => ({
      grant: hold.grant,
      target: hold.target,
      phase: hold.phase,
      notAfter: mayStand(hold) ? hold.order.notAfter : null,
    })),
  }
}

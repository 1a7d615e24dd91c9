import { openApi } from '@halligan/contract'
import { ok } from '@halligan/core'
import type { LogCheck } from '../log-check.ts'
import type { SafeMode } from '../safe-mode.ts'
import type { Deps } from '../usecases/deps.ts'
import type { Handlers } from './handler.ts'
import { gaugesText, readGauges, safeModeOf, statusOf } from './metrics.ts'
import { grantNamed } from './read-handlers.ts'
import type { Sessions } from './session.ts'
import { entriesOf, type StreamDeps } from './stream.ts'

export type OpenDeps = Deps &
  StreamDeps &
  Readonly<{
    safeMode: Pick<SafeMode, 'causes'>
    check: Pick<LogCheck, 'progress'>
    sessions: Sessions
  }>

type Open = Pick<
  Handlers,
  | 'healthz'
  | 'metrics'
  | 'openapi'
  | 'rosters'
  | 'checkpoint'
  | 'challenge'
  | 'session'
  | 'status'
  | 'grant_events'
>

export const openHandlers = (deps: OpenDeps): Open => ({
  healthz: async () => ok(healthOf(deps)),
  metrics: async () => ok(gaugesText(readGauges(deps))),
  openapi: async () => ok(openApi()),
  rosters: async () => ok({ rosters: deps.view().rosters() }),
  checkpoint: async () => ok(deps.writer.frontier().checkpoint),

  challenge: async ({ body }) => {
    const { roster } = deps.inForce.roster(deps.view())
    return ok({
      challenge: deps.sessions.challenge(body.principal, roster, deps.clock.now()),
    })
  },

  session: async ({ body }) => {
    const { roster } = deps.inForce.roster(deps.view())
    const opened = deps.sessions.open(body.session, roster, deps.clock.now())
    if (!opened.ok) deps.refusals.count(opened.error.code)
    return opened
  },

  status: async () => ok(statusOf(deps)),

  grant_events: async ({ params, caller, header, signal }) => {
    const grant = grantNamed(deps.view(), params.grant)
    if (!grant.ok) return grant
    const last = header('last-event-id') ?? ''
    const from = /^[0-9]{1,15}$/.test(last) ? Number(last) + 1 : 0
    return ok(entriesOf(deps, `grant/${grant.value.id}`, from, caller.until, signal))
  },
})

/** Live as long as it answers; ready when no cause keeps it from opening access. */
function healthOf(deps: OpenDeps) {
  const told = safeModeOf(deps)
  return { live: true, ready: told.safeMode.length === 0, ...told }
}

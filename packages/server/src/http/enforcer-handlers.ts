import { type SyncStatement, syncStatement } from '@halligan/contract'
import { type Envelope, ok, type Result, type Roster, refuse } from '@halligan/core'
import { payloadTypes, readEnvelope, verifyEnvelope } from '@halligan/ledger'
import { AnchorUnreachable } from '../anchor.ts'
import type { Log } from '../log.ts'
import type { Deps } from '../usecases/deps.ts'
import { recordReceipt } from '../usecases/record-receipt.ts'
import { type DesiredDeps, desiredState, newestOpening } from './desired-state.ts'
import type { Handlers, Refused } from './handler.ts'
import { generationsFor, type StreamDeps } from './stream.ts'

export type EnforcerDeps = Deps & DesiredDeps & StreamDeps & Readonly<{ log: Log }>

type OfEnforcers = Pick<Handlers, 'enforcer_stream' | 'sync' | 'receipt'>

export const enforcerHandlers = (deps: EnforcerDeps): OfEnforcers => ({
  enforcer_stream: async ({ caller, signal }) => {
    if (caller.kind !== 'enforcer') return refuse({ code: 'wrong_role' })
    return ok(generationsFor(deps, caller.enforcer, caller.until, signal))
  },

  sync: async ({ body }) => {
    const { roster } = deps.inForce.roster(deps.view())
    const statement = readSync(deps, body.sync, roster)
    if (!statement.ok) {
      deps.refusals.count(statement.error.code)
      return statement
    }
    const anchoredTo = await anchoredOrder(deps, statement.value.enforcer)
    return ok(desiredState(deps, statement.value, anchoredTo, deps.clock.now()))
  },

  receipt: async ({ body }) => {
    const recorded = await recordReceipt(deps, body)
    if (!recorded.ok) return recorded
    const { index } = recorded.value
    const { entry, proof } = deps.log.proveEntry(index)
    return ok({ index, entry: entry as never, proof })
  },
})

/** The statement, if the enforcer that it names has signed it for this estate. */
function readSync(
  { crypto }: Pick<Deps, 'crypto'>,
  sync: Envelope,
  roster: Roster,
): Result<SyncStatement, Refused> {
  const read = readEnvelope(payloadTypes.sync, sync)
  if (!read.ok) return read
  const parsed = syncStatement.safeParse(read.value.value)
  if (!parsed.success) return refuse({ code: 'malformed_request', issues: [] })
  if (parsed.data.estate !== roster.estate) return refuse({ code: 'other_estate' })
  const enforcer = roster.enforcers.find(({ id }) => id === parsed.data.enforcer)
  if (enforcer === undefined) return refuse({ code: 'unknown_enforcer' })
  const keys = [{ keyId: enforcer.keyId, pub: enforcer.key }]
  const verified = verifyEnvelope(crypto, payloadTypes.sync, sync, keys)
  return verified.ok ? ok(parsed.data) : verified
}

/**
 * How far orders to open may be delivered. While the anchor cannot be reached none are, and orders to end go
 * out all the same.
 */
async function anchoredOrder(deps: EnforcerDeps, enforcer: string): Promise<number> {
  const newest = newestOpening(deps, enforcer, deps.clock.now())
  if (newest < 0) return newest
  try {
    await deps.writer.anchored(newest)
    return newest
  } catch (error) {
    if (error instanceof AnchorUnreachable) return -1
    throw error
  }
}

/**
 * One batch, from BEGIN to the moved frontier; and what to believe when the disk lost it.
 *
 * @module
 */
import { type Instant, ok, type Result, refuse } from '@halligan/core'
import { type Crypto, type Signer, signCheckpoint } from '@halligan/ledger'
import type { Anchor } from './anchor.ts'
import { isPassing, type SafeMode, type SafeModeChange } from './safe-mode.ts'
import type { SteadyClock } from './steady-clock.ts'
import { EntryTooLarge, rootAt } from './store/log-table.ts'
import {
  type Batch,
  type Command,
  type Head,
  StorageFailed,
  type Store,
} from './store/port.ts'

export type AnyRefusal = { readonly code: string }
export type AnyCommand = Command<unknown, AnyRefusal>
export type Answer = Result<unknown, AnyRefusal>

/** A command in the queue, and who waits for it. `fail` is for a command that threw. */
export type Waiting = Readonly<{
  command: AnyCommand
  answer(answer: Answer): void
  fail(cause: unknown): void
}>

type Outcome = Readonly<{ answer: Answer } | { thrown: unknown }>

export type CommitOptions = Readonly<{
  store: Store
  clock: SteadyClock
  crypto: Crypto
  /** The log's key. It signs after COMMIT and never before. */
  signer: Signer
  anchor: Anchor
  safeMode: SafeMode
}>

export interface Committer {
  frontier(): Readonly<{ head: Head; checkpoint: string }>
  /** Answers everybody in `batch`. False when the outcome of the transaction is not known. */
  commit(batch: readonly Waiting[], records: readonly SafeModeChange[]): boolean
}

export function createCommitter(options: CommitOptions): Committer {
  const { store, clock, crypto, anchor, safeMode } = options
  let broken = false
  let frontier = asFound(options, store.view().head())

  function moveFrontier(): void {
    const head = store.view().head()
    if (head.size === frontier.head.size) return
    frontier = signed(options, head)
    anchor.move(head.size, frontier.checkpoint)
  }

  /** What was acknowledged must be there; what was not may be. */
  function reopen(): void {
    store.reopen()
    const { size, root } = frontier.head
    const found = store.view().head().size
    if (found < size) safeMode.enter('rollback', `acknowledged ${size}, found ${found}`)
    else if (rootAt(crypto, store.node, size) !== root)
      safeMode.enter('fork', `the root at ${size} is another one`)
    else moveFrontier()
    broken = false
  }

  function tryReopen(): boolean {
    try {
      reopen()
      return !safeMode.contradicted()
    } catch (error) {
      if (!(error instanceof Error)) throw error
      return false
    }
  }

  function transact(batch: readonly Waiting[], records: readonly SafeModeChange[]) {
    if (broken) reopen()
    const now = Math.max(clock.now(), store.lastAt()) as Instant
    const outcomes = store.transact(now, (transaction) => {
      record(transaction, records, now)
      return batch.map(({ command }) => run(transaction, command, now))
    })
    if (store.inPlace()) return outcomes
    safeMode.enter('store_replaced', 'the file under the store was replaced in a commit')
    throw new StorageFailed('the store was replaced under a commit')
  }

  /** What a failed commit did is known only after the store was opened anew: it may be there yet. */
  function outcomeUnknown(batch: readonly Waiting[], cause: unknown): void {
    broken = true
    safeMode.enter('unknown_commit', cause instanceof Error ? cause.message : String(cause))
    const known = !safeMode.contradicted() && tryReopen()
    for (const { command, answer } of batch) {
      const stored = known && command.key !== null ? store.resultOf(command.key) : null
      if (stored === null) answer(refuse({ code: 'outcome_unknown' }))
      else answer(JSON.parse(stored.result) as Answer)
    }
  }

  return {
    frontier: () => frontier,
    commit(batch, records) {
      let outcomes: readonly Outcome[]
      try {
        outcomes = transact(batch, records)
        moveFrontier()
      } catch (cause) {
        outcomeUnknown(batch, cause)
        return false
      }
      safeMode.leave('unknown_commit')
      outcomes.forEach((outcome, i) => {
        settle(batch[i] as Waiting, outcome)
      })
      return true
    },
  }
}

const signed = ({ crypto, signer }: CommitOptions, head: Head) => ({
  head,
  checkpoint: signCheckpoint(crypto, head, signer),
})

/**
 * Two roots of one size never both get a signature (INV-13). A head that was rolled back was signed once, as its
 * seal shows, so signing it again says nothing new, and the trustees need it to close the log there.
 */
function asFound(options: CommitOptions, head: Head) {
  const { safeMode, anchor } = options
  const earlier = safeMode
    .causes()
    .every(({ cause }) => cause === 'rollback' || isPassing(cause))
  return earlier ? signed(options, head) : { head, checkpoint: anchor.found()?.note ?? '' }
}

function settle({ answer, fail }: Waiting, outcome: Outcome): void {
  if ('answer' in outcome) answer(outcome.answer)
  else fail(outcome.thrown)
}

function record(batch: Batch, changes: readonly SafeModeChange[], at: Instant): void {
  if (changes.length === 0) return
  batch.attempt((tx) => {
    for (const { kind, cause } of changes)
      tx.append({ at, kind: `safe_mode_${kind}`, subject: 'log', actor: 'system', cause })
    return ok(null)
  })
}

/** One command: its stored result if it was run before, else its own savepoint. A throw harms no other. */
function run(batch: Batch, command: Command<unknown, AnyRefusal>, now: Instant): Outcome {
  const before = command.key === null ? null : batch.resultOf(command.key)
  if (before !== null) return { answer: JSON.parse(before.result) as Answer }
  try {
    const answer = batch.attempt((tx) => {
      const result = command.run(tx, now)
      if (result.ok) keep(batch, command, result)
      return result
    })
    if (!answer.ok) refused(batch, command, answer.error, now)
    return { answer }
  } catch (thrown) {
    if (thrown instanceof StorageFailed) throw thrown
    if (!(thrown instanceof EntryTooLarge)) return { thrown }
    const { bytes, limit } = thrown
    return { answer: refuse({ code: 'entry_too_large', bytes, limit }) }
  }
}

/** A refused act is refused for ever: its replay gets the same refusal, and leaves no second entry. */
function refused(
  batch: Batch,
  command: Command<unknown, AnyRefusal>,
  refusal: AnyRefusal,
  now: Instant,
): void {
  if (command.transient?.includes(refusal.code)) return
  batch.attempt((tx) => {
    command.onRefusal?.(tx, refusal, now)
    keep(batch, command, refuse(refusal))
    return ok(null)
  })
}

function keep(batch: Batch, { key }: Command<unknown, AnyRefusal>, answer: Answer): void {
  if (key !== null) batch.keepResult(key, JSON.stringify(answer))
}

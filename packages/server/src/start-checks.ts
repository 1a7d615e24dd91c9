import {
  type Checkpoint,
  type Crypto,
  type Signer,
  signCheckpoint,
  vkeyOf,
} from '@halligan/ledger'
import { type Anchor, type AnchorFile, createAnchor, readAnchor } from './anchor.ts'
import type { Scheduler } from './ports.ts'
import type { SafeMode } from './safe-mode.ts'
import { isStorageFailure } from './store/database.ts'
import { headSealer, isSealed } from './store/head-seal.ts'
import { rootAt } from './store/log-table.ts'
import type { Store } from './store/port.ts'
import { compareWithReplay } from './store/replay.ts'
import type { SqliteStore } from './store/sqlite.ts'
import { type Contradicted, verifyLog, verifySteps } from './store/verify-log.ts'

export type StartOptions = Readonly<{
  anchorPath: string
  anchorFile: AnchorFile
  origin: string
  signer: Signer
  crypto: Crypto
  scheduler: Scheduler
}>

/** Compares what is stored with what was signed. Each contradiction found is a cause of SAFE MODE. */
export async function checkAtStart(
  options: StartOptions,
  store: SqliteStore,
  safeMode: SafeMode,
): Promise<Anchor> {
  const { anchorPath: path, anchorFile: file, origin, signer, crypto, scheduler } = options
  const vkey = vkeyOf(crypto, origin, signer.publicKey)
  const read = () => readAnchor(crypto, path, vkey)
  const head = store.view().head()
  if (head.size === 0 && head.origin === origin && read().kind === 'missing')
    await file.replace(signCheckpoint(crypto, head, signer))

  const enter = (why: Contradicted | null) => {
    if (why !== null) safeMode.enter(why.cause, why.detail)
  }
  const start = read()
  if (start.kind !== 'found') safeMode.enter('anchor_unreachable', start.kind)
  const anchor = start.kind === 'found' ? start.checkpoint : null
  enter(contradiction(store, origin, anchor) ?? foreignHead(store, signer, anchor))

  return createAnchor({
    path,
    file,
    found:
      start.kind === 'found' ? { size: start.checkpoint.size, note: start.note } : null,
    find() {
      const now = read()
      if (now.kind !== 'found') return null
      enter(againstAnchor(store, crypto, origin, now.checkpoint))
      return { size: now.checkpoint.size, note: now.note }
    },
    scheduler,
    safeMode,
  })
}

function contradiction(
  store: SqliteStore,
  origin: string,
  anchor: Checkpoint | null,
): Contradicted | null {
  const { origin: stored } = store.view().head()
  if (stored !== origin) return wrongOrigin(stored, origin)
  if (anchor !== null && anchor.origin !== origin) return wrongOrigin(anchor.origin, origin)
  try {
    return verifyLog(store.database(), store.crypto, anchor) ?? unlikeReplay(store)
  } catch (error) {
    // A page that SQLite cannot read is a bad entry like any other.
    if (!isStorageFailure(error)) throw error
    return { cause: 'bad_entry', detail: String(error) }
  }
}

/**
 * Entries beyond the anchor that this server never wrote: a whole tree and a projection can be made by whoever writes the
 * database, and would be signed with the next commit (T7, ST-01).
 */
function foreignHead(
  store: SqliteStore,
  signer: Signer,
  anchor: Checkpoint | null,
): Contradicted | null {
  const head = store.view().head()
  if (head.size === 0 || head.size === anchor?.size) return null
  const seal = store.database().prepare('SELECT seal FROM head').get()?.seal
  if (isSealed(headSealer(signer), head, seal)) return null
  return { cause: 'bad_entry', detail: `the head at ${head.size} was not written here` }
}

const wrongOrigin = (found: string, wanted: string): Contradicted => ({
  cause: 'wrong_origin',
  detail: `this is the log ${found}, and the roster says ${wanted}`,
})

/** For an anchor that could not be read at the start: the entries were verified by then. */
function againstAnchor(
  store: Store,
  crypto: Crypto,
  origin: string,
  anchor: Checkpoint,
): Contradicted | null {
  const { size } = store.view().head()
  if (anchor.origin !== origin) return wrongOrigin(anchor.origin, origin)
  if (anchor.size > size)
    return { cause: 'rollback', detail: `the anchor saw ${anchor.size}, here are ${size}` }
  if (rootAt(crypto, store.node, anchor.size) === anchor.root) return null
  return { cause: 'fork', detail: `the root at ${anchor.size} is not the anchor's` }
}

function unlikeReplay(store: SqliteStore): Contradicted | null {
  try {
    const difference = compareWithReplay(store.database(), store.crypto)
    if (difference === null) return null
    const { table, stored, replayed } = difference
    return {
      cause: 'projection',
      detail: `${table} has ${stored}, replay makes ${replayed}`,
    }
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith('corrupt ledger'))
      throw error
    return { cause: 'bad_entry', detail: error.message }
  }
}

/** Verifies the entries again, in steps between other work. A store that is reopened ends the walk. */
export function patrol(store: SqliteStore, scheduler: Scheduler, safeMode: SafeMode): void {
  const db = store.database()
  const steps = verifySteps(db, store.crypto, null)
  const next = () => {
    if (!db.isOpen) return
    const step = advance(steps)
    if ('cause' in step) safeMode.enter(step.cause, step.detail)
    else if (step.done !== true) scheduler.soon(next)
    else if (step.value !== null) safeMode.enter(step.value.cause, step.value.detail)
  }
  next()
}

function advance(steps: ReturnType<typeof verifySteps>) {
  try {
    return steps.next()
  } catch (error) {
    if (!isStorageFailure(error)) throw error
    return { cause: 'bad_entry', detail: String(error) } as const
  }
}

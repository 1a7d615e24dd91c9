import {
  base64,
  type Checkpoint,
  type Crypto,
  consistencyProof,
  type Signer,
  signCheckpoint,
  verifyConsistency,
  vkeyOf,
} from '@halligan/ledger'
import { type Anchor, type AnchorFile, createAnchor, readAnchor } from './anchor.ts'
import type { Scheduler } from './ports.ts'
import type { SafeMode } from './safe-mode.ts'
import { checkLog } from './store/check-log.ts'
import { isStorageFailure } from './store/database.ts'
import { headSealer, isSealed } from './store/head-seal.ts'
import { rootAt } from './store/log-table.ts'
import { CorruptLog } from './store/port.ts'
import type { SqliteStore } from './store/sqlite.ts'
import type { Contradicted } from './store/verify-log.ts'

export type StartOptions = Readonly<{
  anchorPath: string
  anchorFile: AnchorFile
  origin: string
  signer: Signer
  crypto: Crypto
  scheduler: Scheduler
  /** A log of up to so many entries is verified whole before anything is answered. */
  mostVerifiedFirst: number
}>

/** `unverified`: the log is too long to be verified before the first answer, so that is still to be done. */
export type StartChecks = Readonly<{
  anchor: Anchor
  anchored: Checkpoint | null
  unverified: boolean
}>

/** Compares what is stored with what was signed. Each contradiction found is a cause of SAFE MODE. */
export async function checkAtStart(
  options: StartOptions,
  store: SqliteStore,
  safeMode: SafeMode,
): Promise<StartChecks> {
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
  const anchored = start.kind === 'found' ? start.checkpoint : null
  const isShort = head.size <= options.mostVerifiedFirst
  const check = isShort ? checkLog : againstHead
  enter(
    contradiction(store, origin, anchored, check) ?? foreignHead(store, signer, anchored),
  )

  const anchor = createAnchor({
    path,
    file,
    found:
      start.kind === 'found' ? { size: start.checkpoint.size, note: start.note } : null,
    find() {
      const now = read()
      if (now.kind !== 'found') return null
      enter(contradiction(store, origin, now.checkpoint, againstHead))
      return { size: now.checkpoint.size, note: now.note }
    },
    scheduler,
    safeMode,
  })
  return { anchor, anchored, unverified: !isShort && !safeMode.contradicted() }
}

function contradiction(
  store: SqliteStore,
  origin: string,
  anchor: Checkpoint | null,
  check: typeof checkLog,
): Contradicted | null {
  const { origin: stored } = store.view().head()
  if (stored !== origin) return wrongOrigin(stored, origin)
  if (anchor !== null && anchor.origin !== origin) return wrongOrigin(anchor.origin, origin)
  return check(store, anchor)
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

/**
 * In a time that does not grow with the log: the head has the root that the stored tiles and last leaves make, and is the
 * anchor's or grew out of it. That is all that must hold before something is signed or appended (INV-13, INV-15); whether the
 * entries are those of the tree, and the tables those of the entries, takes all of them.
 */
function againstHead(store: SqliteStore, anchor: Checkpoint | null): Contradicted | null {
  const { size, root } = store.view().head()
  if (anchor !== null && anchor.size > size)
    return { cause: 'rollback', detail: `the anchor saw ${anchor.size}, here are ${size}` }
  try {
    if (rootAt(store.crypto, store.node, size) !== root)
      return {
        cause: 'bad_entry',
        detail: `the head at ${size} is not the root of its log`,
      }
    if (anchor === null || extendsAnchor(store, anchor)) return null
    return { cause: 'fork', detail: `the root at ${anchor.size} is not the anchor's` }
  } catch (error) {
    if (!(error instanceof CorruptLog) && !isStorageFailure(error)) throw error
    return { cause: 'bad_entry', detail: String(error) }
  }
}

/** By a proof, which whoever writes the database cannot forge, and not by its hashes alone (RFC 9162, 2.1.4). */
function extendsAnchor({ crypto, node, view }: SqliteStore, anchor: Checkpoint): boolean {
  const { size, root } = view().head()
  const proof = consistencyProof(crypto, node, anchor.size, size)
  const [from, to] = [base64.decode(anchor.root), base64.decode(root)]
  return (
    from !== null &&
    to !== null &&
    verifyConsistency(crypto, proof, anchor.size, size, from, to)
  )
}

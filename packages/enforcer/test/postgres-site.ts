import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Digest, GrantId, Instant, PrincipalId } from '@halligan/core'
import { generateSigner, nodeCrypto } from '@halligan/ledger/node'
import type { Connector, Credential } from '../src/connectors/port.ts'
import type { Clock, ControlPlane, Note, Scheduler } from '../src/ports.ts'
import type { Site } from '../src/site.ts'
import { advance, type Hold, unheld } from '../src/state.ts'
import { openBooks } from '../src/store/sqlite.ts'
import { guard } from './host.ts'

/** The host's own clocks, read as they are. */
export const hostClock: Clock = {
  read: () => ({
    bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
    bootMillis: Math.floor(
      Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1000,
    ),
    wall: Date.now() as Instant,
    synchronised: true,
  }),
}

const hostScheduler: Scheduler = {
  after(millis, run) {
    const timer = setTimeout(run, millis)
    return () => clearTimeout(timer)
  },
}

/** A control plane that has been stopped. */
const stopped: ControlPlane = {
  sync: async () => ({ ok: false, error: { code: 'unreachable', detail: 'stopped' } }),
  deliver: async () => ({ ok: false, error: { code: 'unreachable', detail: 'stopped' } }),
  wakeUps: () => () => {},
}

export type PostgresSite = Readonly<{
  site: Site
  notes: readonly Note[]
  /** What was sealed to the requester, opened. */
  credentials: ReadonlyMap<string, Credential>
}>

/** A real enforcer's site at a real PostgreSQL, on real clocks and a real disk, with nobody to talk to. */
export function postgresSite(
  dir: string,
  target: string,
  connector: Connector,
): PostgresSite {
  const notes: Note[] = []
  const credentials = new Map<string, Credential>()
  const site: Site = {
    estate: 'example',
    enforcer: 'enf-payments',
    signer: generateSigner().signer,
    pinned: `sha256:${'0'.repeat(64)}` as Digest,
    guard,
    connectors: new Map([[target, connector]]),
    books: openBooks(join(dir, 'enforcer.db'), new Uint8Array(32)),
    controlPlane: stopped,
    clock: hostClock,
    random: { bytes: (length) => crypto.getRandomValues(new Uint8Array(length)) },
    scheduler: hostScheduler,
    sealer: {
      seal: async (credential, _, { grant }) => {
        credentials.set(grant, credential)
        return 'sealed'
      },
    },
    crypto: nodeCrypto,
    log: (note) => void notes.push(note),
  }
  return { site, notes, credentials }
}

/** As if an order had been verified and written down this instant. */
export function accepted(
  site: Site,
  target: string,
  grant: GrantId,
  lifeMillis: number,
  before: string,
): Hold {
  const clocks = site.clock.read()
  const notAfter = (clocks.wall + lifeMillis) as Instant
  const hold = advance(unheld(grant, target), {
    kind: 'accepted',
    order: {
      orderDigest: `sha256:${'7'.repeat(64)}`,
      orderIndex: 7,
      overlapKey: `${target}/role:payments_repair`,
      privileges: ['role:payments_repair'],
      sealTo: { kty: 'OKP', crv: 'X25519', x: 'ada' },
      applyBefore: (clocks.wall + 120_000) as Instant,
      notAfter,
      requester: 'ada' as PrincipalId,
      approvers: ['bob' as PrincipalId],
    },
    bound: {
      bootId: clocks.bootId,
      bootAtAccept: clocks.bootMillis,
      wallAtAccept: clocks.wall,
      remainingMillis: lifeMillis,
      notAfter,
    },
    before,
  })
  if (!hold.ok) throw new Error(hold.error.code)
  site.books.keepHold(hold.value)
  return hold.value
}

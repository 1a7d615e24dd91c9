import type {
  ActBody,
  Commitment,
  Digest,
  GrantId,
  Json,
  PrincipalId,
  Result,
  Verb,
} from '@halligan/core'
import {
  addSignature,
  base64url,
  commit,
  digestOf,
  payloadTypes,
  type Signer,
  sealEnvelope,
  utf8,
} from '@halligan/ledger'
import { nodeCrypto, signerFromSeed } from '@halligan/ledger/node'
import { type BundleFiles, loadBundle } from '@halligan/policy'
import { readBundleFolder } from '@halligan/policy/node'
import { acceptGenesis, enterGenesis, genesisRoster } from '../src/genesis.ts'
import { nodeScheduler } from '../src/node-ports.ts'
import { createNonces } from '../src/nonce.ts'
import { type NoticeLane, openLane } from '../src/notify/lane.ts'
import type { NoticeSink } from '../src/notify/sink.ts'
import { type LogOptions, openLog, type RunningLog } from '../src/open-log.ts'
import type { Random } from '../src/ports.ts'
import { recordedSource } from '../src/sources/recorded.ts'
import type { Blob, Notice } from '../src/store/port.ts'
import type { ActInput } from '../src/usecases/accept-act.ts'
import type { Deps } from '../src/usecases/deps.ts'
import { createInForce } from '../src/usecases/in-force.ts'
import { createRefusalTally } from '../src/usecases/record-refusal.ts'
import { createEndsLooks } from '../src/usecases/watch-ends.ts'
import { type handClock, type handScheduler, tempBench } from './log-kit.ts'

export type Name = 'ada' | 'bob' | 'cy' | 'dee' | 'eve' | 'mallory' | 'robo'

export const names: readonly Name[] = ['ada', 'bob', 'cy', 'dee', 'eve', 'mallory', 'robo']

export const seedOf = (name: string) => nodeCrypto.sha256(utf8(`seed of ${name}`))
export const signerOf = (name: string): Signer => signerFromSeed(seedOf(name))
export const pubOf = (signer: Signer) => base64url.encode(signer.publicKey)

export const person = (name: Name) => name as string as PrincipalId
export const estateName = 'example'
export const target = 'payments-pg'
export const replica = 'payments-replica'

const folder = new URL('../../cli/example/bundle/', import.meta.url).pathname
export const exampleFiles: BundleFiles = readBundleFolder(folder)

/** The example bundle with `from` in one file replaced; fails when it is not there. */
export function edited(file: string, from: string, to: string): BundleFiles {
  const text = exampleFiles[file] ?? ''
  if (!text.includes(from)) throw new Error(`${file} does not hold ${from}`)
  return { ...exampleFiles, [file]: text.replace(from, to) }
}

export const digestOfFiles = (files: BundleFiles): Digest => digestOf(nodeCrypto, files)

/** Every test draws the same bytes in the same order. */
function countingRandom(): Random {
  let drawn = 0
  return { bytes: (length) => seedOf(`draw ${drawn++}`).slice(0, length) }
}

export const founders = (people: readonly Name[]) => ({
  estate: estateName,
  threshold: 2,
  trustees: (['bob', 'cy', 'dee'] as const).map((name) => ({
    person: person(name),
    pub: pubOf(signerOf(name)),
  })),
  people: people.map((name) => ({
    person: person(name),
    kind: name === 'robo' ? ('agent' as const) : ('human' as const),
    ...(name === 'robo' ? { owner: person('ada') } : {}),
    keys: [pubOf(signerOf(name))],
  })),
  approverGroups: { 'payments-leads': [person('bob'), person('cy')] },
  enforcers: [
    {
      id: 'enf-payments',
      pub: pubOf(signerOf('enf-payments')),
      targets: [target, replica],
    },
  ],
})

export type ActParts<V extends Verb> = Readonly<{
  grant?: GrantId
  termsDigest?: Digest
  body: ActBody[V]
  blobs?: readonly Blob[]
  /** What a liar changes after the nonce was given. */
  lie?: Readonly<Record<string, Json>>
  signer?: Signer
  nonce?: string
}>

export interface TestEstate {
  readonly deps: Deps
  readonly log: RunningLog
  readonly time: ReturnType<typeof handClock>
  readonly timers: ReturnType<typeof handScheduler>
  /** What the sink was handed; `sinkWorks` says whether that was a delivery. */
  readonly told: Notice[]
  sinkWorks: boolean
  /** The estate after a restart on the same files. */
  restart(more?: Partial<LogOptions>): Promise<void>
  close(): Promise<void>
}

/** Opens an estate. Close it. */
export async function openEstate(
  options: Readonly<{ files?: BundleFiles; people?: readonly Name[] }> = {},
): Promise<TestEstate> {
  const { root, bench } = tempBench()
  const signers = { log: bench.options.signer, issuer: signerOf('issuer') }
  const loaded = loadBundle(nodeCrypto, options.files ?? exampleFiles)
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.error))
  const unsigned = genesisRoster(
    nodeCrypto,
    { ...founders(options.people ?? names), origin: bench.options.origin },
    signers,
    bench.time.clock.now(),
  )
  const signed = addSignature(addSignature(unsigned, signerOf('bob')), signerOf('cy'))
  const genesis = acceptGenesis(nodeCrypto, signed, signers)
  if (!genesis.ok) throw new Error(JSON.stringify(genesis.error))
  let log = await openLog(bench.options)
  await log.writer.submit({
    name: 'genesis',
    key: null,
    run: (tx, now) => {
      enterGenesis(tx, genesis.value, loaded.value, now)
      return { ok: true, value: null }
    },
  })
  const told: Notice[] = []
  const estate = { sinkWorks: true }
  const sink: NoticeSink = {
    async deliver(notice) {
      told.push(notice)
      return estate.sinkWorks
    },
  }
  const random = countingRandom()
  const deps: Deps = {
    get writer() {
      return log.writer
    },
    view: () => log.store.view(),
    crypto: nodeCrypto,
    get clock() {
      return log.clock
    },
    random,
    issuer: signers.issuer,
    nonces: createNonces(random, seedOf('mac')),
    inForce: createInForce(nodeCrypto),
    sources: [
      recordedSource('act', () => log.store.view()),
      recordedSource('webhook', () => log.store.view()),
    ],
    lanes: [laneOf(sink)],
    refusals: createRefusalTally(),
    ends: createEndsLooks(),
    leaveSafeMode: async () => ({
      ok: false,
      error: { code: 'bad_roster', reason: 'not here' },
    }),
  }
  const whole = Object.assign(estate, {
    deps,
    log,
    time: bench.time,
    timers: bench.timers,
    told,
    async restart(more = {}) {
      await log.close()
      log = await openLog({ ...bench.options, ...more })
    },
    async close() {
      await log.close()
      root.remove()
    },
  })
  return Object.defineProperty(whole, 'log', { get: () => log })
}

/** A route called `test` that takes everything and needs nothing. */
export const laneOf = (sink: NoticeSink, name = 'test'): NoticeLane =>
  openLane(
    { name, takes: 'all', kind: 'webhook', means: name, sink, mostAtOnce: 64 },
    nodeScheduler,
  )

let made = 0

/** A fresh grant id. */
export function newGrant(): GrantId {
  const digits = 'abcdefghijklmnopqrstuvwxyz234567'
  const bytes = seedOf(`grant ${made++}`).slice(0, 26)
  return `g-${[...bytes].map((byte) => digits[byte % 32]).join('')}` as GrantId
}

/** A text as its author's client closes it. */
export function blobOf(text: string): Blob & { commitment: Commitment } {
  const salt = seedOf(`salt ${made++}`)
  const commitment = commit(nodeCrypto, salt, utf8(text))
  return { commitment, salt: base64url.encode(salt), text }
}

/** An act with a nonce of this server, signed by its author. */
export async function sign<V extends Verb>(
  { deps }: TestEstate,
  by: Name,
  verb: V,
  { grant, termsDigest, body, blobs = [], lie = {}, signer, nonce }: ActParts<V>,
): Promise<ActInput> {
  const about = {
    ...(grant === undefined ? {} : { grant }),
    ...(termsDigest === undefined ? {} : { termsDigest }),
  }
  const key = signer ?? signerOf(by)
  const act = {
    type: 'halligan/act/v1',
    estate: estateName,
    verb,
    ...about,
    by,
    keyId: key.keyId,
    nonce: nonce ?? nonceFor(deps, by, verb, grant ?? null, termsDigest ?? null),
    at: deps.clock.now(),
    body,
    ...lie,
  }
  return { act: sealEnvelope(payloadTypes.act, act as unknown as Json, key), blobs }
}

/** A nonce of this server for exactly that. */
export const nonceFor = (
  deps: Deps,
  by: Name,
  verb: Verb,
  grant: GrantId | null,
  termsDigest: Digest | null,
) =>
  deps.nonces.issue(
    { verb, grant, termsDigest, person: person(by), origin: deps.view().head().origin },
    deps.clock.now(),
  )

/** What `result` holds; fails with the refusal otherwise. */
export function must<T>(result: Result<T, { readonly code: string }>): T {
  if (!result.ok) throw new Error(`refused: ${JSON.stringify(result.error)}`)
  return result.value
}

/**
 * The estate of every simulation: its people, its rota, its three enforcers and five targets, its policy; and an
 * initialised folder of its server, made once for each process.
 *
 * @module
 */
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Digest, Guard, Instant, PrincipalId } from '@halligan/core'
import { addSignature, base64url } from '@halligan/ledger'
import { type Bundle, loadBundle } from '@halligan/policy'
import { readBundleFolder } from '@halligan/policy/node'
import {
  acceptGenesis,
  enterGenesis,
  genesisRoster,
} from '../../packages/server/src/genesis.ts'
import { nodeScheduler } from '../../packages/server/src/node-ports.ts'
import { openLog } from '../../packages/server/src/open-log.ts'
import { rememberingCrypto as crypto, signerNamed } from './crypto.ts'

export const estateName = 'example'
export const origin = 'example.halligan/log'
/** When every simulation begins: a Friday afternoon in 2025. */
export const start = 1_760_100_000_000

export const people = ['ada', 'eve', 'gus', 'bob', 'cy', 'dee', 'fay', 'mallory'] as const
/** Whose they are: what they ask, their owners ask. */
export const agents = { robo: 'ada', hal: 'bob' } as const
export type Name = (typeof people)[number] | keyof typeof agents

export const requesters = ['ada', 'eve', 'gus', 'bob', 'robo', 'hal'] as const
export const leads: readonly string[] = ['bob', 'cy', 'fay']
export const reviewers: readonly string[] = ['dee', 'cy']

export const targetsOf = {
  'enf-payments': ['payments-pg', 'payments-replica'],
  'enf-ledger': ['ledger-db'],
  'enf-edge': ['edge-cache', 'edge-host'],
} as const

/** Shared accounts that nobody owns, by target. */
export const accountsOf: Readonly<Record<string, readonly string[]>> = {
  'payments-pg': ['payments_owner'],
  'edge-host': ['emergency'],
}

export type EnforcerName = keyof typeof targetsOf
export const enforcerNames = Object.keys(targetsOf) as EnforcerName[]

export type Entitlement = Readonly<{
  approvals: number
  maxLifeSeconds: number
  targets: readonly Readonly<{ target: string; enforcer: string; privilege: string }>[]
}>

const at = (enforcer: EnforcerName, target: string, privilege: string) => ({
  ...{ target, enforcer, privilege },
})

/** What the policy of the estate says, once more and by other means, for the checks to judge it by. */
export const entitlements: Readonly<Record<string, Entitlement>> = {
  'payments-db-repair': {
    approvals: 1,
    maxLifeSeconds: 3600,
    targets: [at('enf-payments', 'payments-pg', 'role:repair')],
  },
  'payments-db-admin': {
    approvals: 2,
    maxLifeSeconds: 1800,
    targets: [
      at('enf-payments', 'payments-pg', 'role:admin'),
      at('enf-payments', 'payments-replica', 'role:admin'),
    ],
  },
  'fleet-repair': {
    approvals: 1,
    maxLifeSeconds: 600,
    targets: [
      at('enf-payments', 'payments-replica', 'role:repair'),
      at('enf-ledger', 'ledger-db', 'role:repair'),
      at('enf-edge', 'edge-cache', 'role:repair'),
      at('enf-edge', 'edge-host', 'role:repair'),
    ],
  },
  'break-glass-accounts': {
    approvals: 1,
    maxLifeSeconds: 900,
    targets: [
      at('enf-payments', 'payments-pg', 'account:payments_owner'),
      at('enf-edge', 'edge-host', 'account:emergency'),
    ],
  },
}

export const soloLifeSeconds = 300
export const sloSeconds = 60

const estateYaml = () => `
security: security
groups:
  payments-oncall: [ada, eve, gus, bob]
  payments-agents: [robo, hal]
  payments-leads: [bob, cy, fay]
  reviewers: [dee]
  security: [cy, dee]
systems:
  payments-db: { tier: 1, zone: Europe/Berlin, owners: [bob], steward: payments-leads, reviewers: reviewers }
onCall:
  payments-db: [ada]
entitlements:
${Object.entries(entitlements).map(entitlementYaml).join('')}
policyChange: { approvals: 2, groups: [payments-leads, security] }
voidIf: [incident_closed]
revokeSloSeconds: ${sloSeconds}
`

const entitlementYaml = ([name, { approvals, maxLifeSeconds, targets }]: [
  string,
  Entitlement,
]) => `
  ${name}:
    system: payments-db
    maxLifeSeconds: ${maxLifeSeconds}
    targets:
${targets.map(({ target, enforcer, privilege }) => `      - { target: ${target}, enforcer: ${enforcer}, privileges: ["${privilege}"] }\n`).join('')}
    routes:
      quorum: { approvals: ${approvals}, groups: [payments-leads], maxLifeSeconds: ${maxLifeSeconds}, approvalSeconds: 120, activationSeconds: 90, reviewSeconds: 900 }
${name === 'payments-db-repair' ? `      solo: { approvals: 0, groups: [], maxLifeSeconds: ${soloLifeSeconds}, approvalSeconds: 60, activationSeconds: 60, reviewSeconds: 900 }\n` : ''}`

/** The shared account that these privileges are, or null. */
export const accountNamed = (privileges: readonly string[]): string | null =>
  /^account:(.+)$/.exec(privileges.join())?.[1] ?? null

const accountPrivilegesAt = (target: string) =>
  (accountsOf[target] ?? []).map((account) => `account:${account}`)

export const guardOf = (enforcer: EnforcerName): Guard => ({
  enforcer,
  targets: Object.fromEntries(
    targetsOf[enforcer].map((target) => [
      target,
      {
        entitlements: Object.keys(entitlements),
        privileges: ['role:repair', 'role:admin', ...accountPrivilegesAt(target)],
        routes: { quorum: { minApprovals: 1 }, solo: { minApprovals: 0 } },
        approverGroup: 'payments-leads',
        maxLifeSeconds: 3600,
        owners: ['dee'],
      },
    ]),
  ),
})

export const person = (name: string) => name as PrincipalId
export const pubOf = (name: string) => base64url.encode(signerNamed(name).publicKey)

const founders = () => ({
  estate: estateName,
  origin,
  threshold: 2,
  trustees: ['bob', 'cy', 'dee'].map((name) => ({
    person: person(name),
    pub: pubOf(name),
  })),
  people: [
    ...people.map((name) => ({
      ...{ person: person(name), kind: 'human' as const, keys: [pubOf(name)] },
    })),
    ...Object.entries(agents).map(([name, owner]) => ({
      ...{ person: person(name), kind: 'agent' as const, owner: person(owner) },
      keys: [pubOf(name)],
    })),
  ],
  approverGroups: { 'payments-leads': leads.map(person) },
  enforcers: enforcerNames.map((id) => ({
    id,
    pub: pubOf(id),
    targets: [...targetsOf[id]],
  })),
})

export type Folder = Readonly<{ root: string; data: string; anchor: string }>

const folderIn = (root: string): Folder => ({
  ...{ root, data: join(root, 'data'), anchor: join(root, 'anchor') },
})

/** A commit waits for the disk: memory that looks like one waits for nothing. */
const scratch = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

export type Founded = Readonly<{ folder: Folder; rosterDigest: Digest; bundle: Bundle }>

let founded: Promise<Founded> | null = null

/** A folder after the ceremony, to be copied. */
export function foundedEstate(): Promise<Founded> {
  founded ??= found()
  return founded
}

async function found(): Promise<Founded> {
  const folder = freshFolder()
  process.once('exit', () => rmSync(folder.root, { recursive: true, force: true }))
  mkdirSync(folder.data, { mode: 0o700 })
  const signers = { log: signerNamed('log'), issuer: signerNamed('issuer') }
  const now = (start - 600_000) as Instant
  const unsigned = genesisRoster(crypto, founders(), signers, now)
  const signed = addSignature(addSignature(unsigned, signerNamed('bob')), signerNamed('cy'))
  const genesis = acceptGenesis(crypto, signed, signers)
  if (!genesis.ok) throw new Error(genesis.error.reason)
  const example = new URL('../../packages/cli/example/bundle/', import.meta.url).pathname
  const files = { ...readBundleFolder(example), 'estate.yaml': estateYaml() }
  const policies = Object.entries(files).filter(([name]) => !name.startsWith('tests/'))
  const bundle = loadBundle(crypto, Object.fromEntries(policies))
  if (!bundle.ok) throw new Error(JSON.stringify(bundle.error))
  const log = await openLog({
    ...{ folder: folder.data, anchorPath: folder.anchor, origin, signer: signers.log },
    ...{ crypto, scheduler: nodeScheduler },
    clock: { now: () => now, bootMillis: () => 0 },
  })
  const entered = await log.writer.submit({
    ...{ name: 'genesis', key: null },
    run: (tx, instant) => {
      enterGenesis(tx, genesis.value, bundle.value, instant)
      return { ok: true, value: null }
    },
  })
  if (!entered.ok) throw new Error(`genesis: ${entered.error.code}`)
  await log.close()
  policy = bundle.value
  return { folder, rosterDigest: genesis.value.digest, bundle: bundle.value }
}

let policy: Bundle | null = null

/** The bundle in force. Throws before the estate was founded. */
export function foundedBundle(): Bundle {
  if (policy === null) throw new Error('nothing is founded yet')
  return policy
}

const freshFolder = (): Folder =>
  folderIn(mkdtempSync(join(scratch, 'halligan-simulation-')))

/** A fresh copy of the folder. Remove its root afterwards. */
export async function initialisedFolder(): Promise<Folder> {
  const copy = freshFolder()
  cpSync((await foundedEstate()).folder.root, copy.root, { recursive: true })
  return copy
}

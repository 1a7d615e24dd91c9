import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Payments } from '../estate/payments.ts'
import { mustHold } from './people.ts'
import type { Programs } from './programs.ts'

export const enforcerId = 'enf-payments'
export const target = 'payments-pg'

/** An enforcer as its operator sets it up: what it stands before, and what it will ever open there. */
export type EnforcerSite = Readonly<{
  id: string
  /** `guard.yaml`. */
  guard: string
  /** Per target, the settings of its connector in `config.json`. */
  targets: Readonly<Record<string, Readonly<{ kind: string } & Record<string, unknown>>>>
  /** Words before the program's own, such as what puts it into a namespace. */
  inside?: readonly string[]
}>

/** What this enforcer will ever open, whatever the control plane says. Written by whoever owns the database. */
const guardFor = (entitlements: readonly string[]): string => `enforcer: ${enforcerId}
targets:
  ${target}:
    entitlements: [${['payments-db-repair', 'payments-db-admin', ...entitlements].join(', ')}]
    privileges: ["role:payments_repair", "role:payments_admin"]
    routes:
      quorum: { minApprovals: 1 }
      solo: { minApprovals: 0 }
    approverGroup: payments-leads
    maxLifeSeconds: 3600
    owners: [bob]
`

/** The database's URL holds a password and has a file of its own, made anew each time. `entitlements` are more than the example's. */
export async function paymentsSite(
  dir: string,
  payments: Payments,
  entitlements: readonly string[] = [],
): Promise<EnforcerSite> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const url = join(dir, 'connector.url')
  await writeFile(url, `${payments.connectorUrl}\n`, { mode: 0o600 })
  const targets = { [target]: { kind: 'postgres', url: { file: url } } }
  return { id: enforcerId, guard: guardFor(entitlements), targets }
}

/** The enforcer makes its own key; only the public part, base64url, leaves its folder. */
export async function enrollEnforcer(
  dir: string,
  { id, targets }: Readonly<{ id: string; targets: readonly string[] }>,
  programs: Programs,
): Promise<string> {
  const args = ['enroll', '--dir', dir, '--id', id]
  const named = targets.flatMap((name) => ['--target', name])
  const enrolled = await programs.run('halligan-enforcer', [...args, ...named])
  return String(JSON.parse(mustHold(enrolled)).key)
}

/** Guard and connector settings, into the folder of an enforcer that has been enrolled. */
export async function configureEnforcer(
  dir: string,
  { guard, targets }: EnforcerSite,
): Promise<void> {
  await writeFile(join(dir, 'guard.yaml'), guard, { mode: 0o600 })
  const path = join(dir, 'config.json')
  const config = JSON.parse(await readFile(path, 'utf8'))
  await writeFile(path, `${JSON.stringify({ ...config, targets }, null, 2)}\n`)
}

/** The operator tells it whom to trust; it asks the server for the chain and proves that it leads there. */
export async function trustRoster(
  dir: string,
  programs: Programs,
  { url, rosterDigest }: Readonly<{ url: string; rosterDigest: string }>,
): Promise<void> {
  const args = ['enroll', '--dir', dir, '--server', url, '--trust', rosterDigest]
  mustHold(await programs.run('halligan-enforcer', args))
}

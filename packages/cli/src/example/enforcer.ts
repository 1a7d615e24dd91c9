import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Payments } from '../estate/payments.ts'
import { mustHold } from './people.ts'
import type { Programs } from './programs.ts'

export const enforcerId = 'enf-payments'
export const target = 'payments-pg'

/** What this enforcer will ever open, whatever the control plane says. Written by whoever owns the database. */
const guard = `enforcer: ${enforcerId}
targets:
  ${target}:
    entitlements: [payments-db-repair, payments-db-admin]
    privileges: ["role:payments_repair", "role:payments_admin"]
    routes:
      quorum: { minApprovals: 1 }
      solo: { minApprovals: 0 }
    approverGroup: payments-leads
    maxLifeSeconds: 3600
    owners: [bob]
`

/** The enforcer makes its own key; only the public part, base64url, leaves its folder. */
export async function enrollEnforcer(dir: string, programs: Programs): Promise<string> {
  const args = ['enroll', '--dir', dir, '--id', enforcerId, '--target', target]
  const { key } = JSON.parse(mustHold(await programs.run('halligan-enforcer', args)))
  return String(key)
}

/** Guard and connector settings. The database's URL holds a password and has a file of its own, made anew each time. */
export async function configureEnforcer(dir: string, payments: Payments): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const url = join(dir, 'connector.url')
  await writeFile(url, `${payments.connectorUrl}\n`, { mode: 0o600 })
  await writeFile(join(dir, 'guard.yaml'), guard, { mode: 0o600 })
  const path = join(dir, 'config.json')
  const config = JSON.parse(await readFile(path, 'utf8'))
  const targets = { [target]: { kind: 'postgres', url: { file: url } } }
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

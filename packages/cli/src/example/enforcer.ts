import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Payments } from '../estate/payments.ts'
import { mustHold } from './people.ts'
import type { Programs } from './programs.ts'

export const enforcerId = 'enf-payments'

/** The enforcer makes its own key; only the public part leaves its folder. */
export async function enrollEnforcer(folder: string, programs: Programs): Promise<string> {
  const dir = join(folder, 'enforcer')
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const { generateSigner } = await import('@halligan/ledger/node')
  const { base64url } = await import('@halligan/ledger')
  void programs
  void mustHold
  void readFile
  return base64url.encode(generateSigner().signer.publicKey)
}

export async function writeEnforcerFiles(
  folder: string,
  payments: Payments,
  founded: Readonly<{ url: string; rosterDigest: string }>,
): Promise<void> {
  await writeFile(join(folder, 'enforcer', 'x'), `${payments.connectorUrl} ${founded.url}`)
}

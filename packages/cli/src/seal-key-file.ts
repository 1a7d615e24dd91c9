import type { GrantId } from '@halligan/core'
import { ok, type Result } from '@halligan/core'
import type { PrivateSealKey } from '@halligan/sdk'
import type { Desk } from './desk.ts'
import { readKeyFile, writeKeyFile } from './key-file.ts'
import { type CliRefusal, failed, keyRefusal } from './refusal.ts'
import { newSealKey } from './seal-key.ts'

type Place = Pick<Desk, 'home' | 'passphrase'>

/** The grant's key on this device, made at most once: to activate twice must not lock out of what the first one opened. */
export async function heldSealKey(desk: Place, grant: GrantId): Promise<PrivateSealKey> {
  const held = await readSealKey(desk, grant)
  if (held.ok) return held.value
  const key = await newSealKey()
  await keepSealKey(desk, grant, key)
  return key
}

/** `grants/<id>.age`: the key that opens this grant's credential, under the person's passphrase. */
export async function keepSealKey(
  { home, passphrase }: Place,
  grant: GrantId,
  key: PrivateSealKey,
): Promise<void> {
  await home.make()
  const bytes = new TextEncoder().encode(JSON.stringify(key))
  await writeKeyFile(home.grantFile(grant), bytes, passphrase)
}

export async function readSealKey(
  { home, passphrase }: Place,
  grant: GrantId,
): Promise<Result<PrivateSealKey, CliRefusal>> {
  const bytes = await readKeyFile(home.grantFile(grant), passphrase)
  if (bytes.ok) return ok(JSON.parse(new TextDecoder().decode(bytes.value)))
  if (bytes.error.code !== 'key_file_missing')
    return { ok: false, error: keyRefusal(bytes.error) }
  return failed(
    'no_seal_key',
    'the key that opens this credential is not on this device',
    `halligan reveal ${grant}`,
  )
}

import { open, readFile, rename } from 'node:fs/promises'
import type { Result } from '@halligan/core'
import { ok, refuse } from '@halligan/core'
import { Decrypter, Encrypter } from 'age-encryption'

/**
 * 2^15 rounds: a tenth of a second in JavaScript, paid at each act. The passphrase guards a file of mode 0600 on the
 * person's own disk; a stolen key still needs the roster not to have dropped it.
 */
const scryptWorkFactor = 15

export type KeyFileRefusal = Readonly<
  | { code: 'key_file_missing'; path: string }
  | { code: 'key_file_open_to_others'; path: string }
  | { code: 'wrong_passphrase'; path: string }
>

/** Writes `secret` encrypted (age, scrypt) with mode 0600, whole or not at all. */
export async function writeKeyFile(
  path: string,
  secret: Uint8Array,
  passphrase: string,
): Promise<void> {
  const encrypter = new Encrypter()
  encrypter.setPassphrase(passphrase)
  encrypter.setScryptWorkFactor(scryptWorkFactor)
  await writePrivately(path, await encrypter.encrypt(secret))
}

/** The secret, unless the file is missing, readable by others, or not opened by `passphrase`. */
export async function readKeyFile(
  path: string,
  passphrase: string,
): Promise<Result<Uint8Array, KeyFileRefusal>> {
  const sealed = await readPrivately(path)
  if (!sealed.ok) return sealed
  const decrypter = new Decrypter()
  decrypter.addPassphrase(passphrase)
  return decrypter
    .decrypt(sealed.value)
    .then(ok, () => refuse({ code: 'wrong_passphrase', path } as const))
}

/** Mode 0600 from the first byte; a reader sees the old file or the new one. */
export async function writePrivately(path: string, bytes: Uint8Array | string) {
  const partial = `${path}.${process.pid}.partial`
  const file = await open(partial, 'w', 0o600)
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(partial, path)
}

async function readPrivately(path: string): Promise<Result<Uint8Array, KeyFileRefusal>> {
  const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  if (file === null) return refuse({ code: 'key_file_missing', path })
  try {
    const { mode } = await file.stat()
    if ((mode & 0o077) !== 0) return refuse({ code: 'key_file_open_to_others', path })
    return ok(new Uint8Array(await readFile(file)))
  } finally {
    await file.close()
  }
}

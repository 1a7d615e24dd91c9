import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'

const iterationsByDefault = 4096

/**
 * What PostgreSQL stores for a password (RFC 5802 section 3, RFC 7677), as `ALTER ROLE ... PASSWORD` takes it:
 * `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`. Made here so that the password itself never stands in a
 * statement, and so in no log of the target. `password` must be printable ASCII, for which SASLprep changes
 * nothing. Few iterations do: what protects a random password of 256 bits is not the hash.
 */
export function scramVerifier(
  password: string,
  salt: Uint8Array = randomBytes(16),
  iterations = iterationsByDefault,
): string {
  if (!/^[\x21-\x7e]+$/.test(password)) throw new Error('password is not printable ASCII')
  const salted = pbkdf2Sync(password, salt, iterations, 32, 'sha256')
  const clientKey = createHmac('sha256', salted).update('Client Key').digest()
  const storedKey = createHash('sha256').update(clientKey).digest('base64')
  const serverKey = createHmac('sha256', salted).update('Server Key').digest('base64')
  const encodedSalt = Buffer.from(salt).toString('base64')
  return `SCRAM-SHA-256$${iterations}:${encodedSalt}$${storedKey}:${serverKey}`
}

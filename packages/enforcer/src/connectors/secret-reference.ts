import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { BadSettings, isRecord, isText } from '../strict-fields.ts'

/**
 * Where a connector's own credential is, never the credential itself: configuration is not a secret. `credential` names a
 * systemd credential (`LoadCredential=`), found in `$CREDENTIALS_DIRECTORY`.
 */
export type SecretReference = Readonly<
  { file: string } | { env: string } | { credential: string }
>

export const isSecretReference = (value: unknown): value is SecretReference => {
  if (!isRecord(value) || Object.keys(value).length !== 1) return false
  const { file, env, credential } = value
  if (credential === undefined) return isText(file) || isText(env)
  return isText(credential) && /^[A-Za-z0-9_.-]+$/.test(String(credential))
}

/** In words for an operator; never what is there. */
export const placeOf = (reference: SecretReference): string => {
  if ('file' in reference) return reference.file
  return 'env' in reference ? `$${reference.env}` : `credential ${reference.credential}`
}

/** Read anew at each call, so that a rotated credential is taken up. Without the white space around it. Throws naming the place. */
export function readSecret(reference: SecretReference): string {
  const text = textAt(reference)?.trim() ?? ''
  if (text === '') throw new BadSettings(`${placeOf(reference)} holds no secret`)
  return text
}

function textAt(reference: SecretReference): string | undefined {
  if ('env' in reference) return process.env[reference.env]
  if ('file' in reference) return readText(reference.file)
  const folder = process.env.CREDENTIALS_DIRECTORY
  return folder === undefined ? undefined : readText(join(folder, reference.credential))
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    const { code = 'unreadable' } = cause as NodeJS.ErrnoException
    throw new BadSettings(`${path} cannot be read: ${code}`, { cause })
  }
}

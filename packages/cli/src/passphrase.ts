import { readFile } from 'node:fs/promises'
import { ok, type Result } from '@halligan/core'
import type { Machine } from './machine.ts'
import { type CliRefusal, usage } from './refusal.ts'

const least = 8

/**
 * The passphrase of the person's key: the first line of the file that HALLIGAN_PASSPHRASE_FILE names, or
 * HALLIGAN_PASSPHRASE, or asked for.
 */
export async function passphrase(
  { env, terminal }: Machine,
  purpose: 'open' | 'choose' = 'open',
): Promise<Result<string, CliRefusal>> {
  const file = env.HALLIGAN_PASSPHRASE_FILE
  if (file !== undefined && file !== '') {
    const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code !== undefined) return null
      throw error
    })
    return text === null
      ? usage('no_passphrase', `${file} cannot be read`, 'see HALLIGAN_PASSPHRASE_FILE')
      : ok(text.split('\n')[0] ?? '')
  }
  if (env.HALLIGAN_PASSPHRASE !== undefined) return ok(env.HALLIGAN_PASSPHRASE)
  if (!terminal.interactive)
    return usage(
      'no_passphrase',
      'the key needs its passphrase and nobody can be asked',
      'export HALLIGAN_PASSPHRASE_FILE=FILE',
    )
  return purpose === 'open'
    ? asked(terminal.secret('Passphrase of your key'))
    : chosen(terminal)
}

async function chosen(terminal: Machine['terminal']): Promise<Result<string, CliRefusal>> {
  const first = await asked(terminal.secret('Choose a passphrase for the new key'))
  if (!first.ok) return first
  if (first.value.length < least)
    return usage(
      'short_passphrase',
      `use at least ${least} characters`,
      'choose a longer one',
    )
  const again = await asked(terminal.secret('The same once more'))
  if (!again.ok || again.value === first.value) return again
  return usage('passphrases_differ', 'the two passphrases differ', 'try again')
}

async function asked(answer: Promise<string | null>): Promise<Result<string, CliRefusal>> {
  const text = await answer
  return text === null ? cancelled : ok(text)
}

const cancelled = {
  ok: false,
  error: { kind: 'cancelled', code: 'cancelled', detail: 'no passphrase given', next: '' },
} as const

import type { ClientRefusal } from '@halligan/sdk'
import { type ExitCode, exitCode } from './exit-code.ts'
import type { KeyFileRefusal } from './key-file.ts'

/** Refusals that arise on this machine, before or beside any server. */
export type LocalRefusal = Readonly<
  | { kind: 'usage'; code: string; detail: string; next: string }
  | { kind: 'failed'; code: string; detail: string; next: string }
  | { kind: 'cancelled'; code: 'cancelled'; detail: string; next: string }
>

export type CliRefusal = ClientRefusal | LocalRefusal

export const usage = (code: string, detail: string, next: string) =>
  ({ ok: false, error: { kind: 'usage', code, detail, next } }) as const

export const failed = (code: string, detail: string, next = '') =>
  ({ ok: false, error: { kind: 'failed', code, detail, next } }) as const

export const exitCodeOf = (refusal: CliRefusal): ExitCode => {
  switch (refusal.kind) {
    case 'refused':
      return refusal.status >= 500 ? exitCode.unreachable : exitCode.refused
    case 'failed':
      return exitCode.refused
    case 'usage':
      return exitCode.usage
    case 'unreachable':
      return exitCode.unreachable
    case 'deceived':
      return exitCode.deceived
    case 'cancelled':
      return exitCode.cancelled
  }
}

/** A key that cannot be used is the person's to repair, so it says how. */
export function keyRefusal(refusal: KeyFileRefusal): LocalRefusal {
  const { code, path } = refusal
  switch (code) {
    case 'key_file_missing':
      return local(code, `there is no key at ${path}`, 'halligan login')
    case 'key_file_open_to_others':
      return local(code, `${path} can be read by others`, `chmod 600 ${path}`)
    case 'wrong_passphrase':
      return local(
        code,
        `the passphrase does not open ${path}`,
        'try again; see HALLIGAN_PASSPHRASE_FILE and HALLIGAN_PASSPHRASE',
      )
  }
}

const local = (code: string, detail: string, next: string): LocalRefusal => ({
  kind: 'failed',
  code,
  detail,
  next,
})

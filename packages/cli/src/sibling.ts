import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

export type Sibling = 'halligan-server' | 'halligan-enforcer' | 'halligan'

const packageOf = {
  'halligan-server': '@halligan/server',
  'halligan-enforcer': '@halligan/enforcer',
  halligan: '@halligan/cli',
} as const

/** The program's file. Throws when its package is not installed beside this one. */
export function siblingFile(sibling: Sibling): string {
  const { resolve } = createRequire(import.meta.url)
  const entry = resolve(packageOf[sibling])
  return join(dirname(entry), '..', 'bin', `${sibling}.js`)
}

/** On the same Node as this one, without a shell; behind the words of `inside`, where there are any. */
export function startSibling(
  sibling: Sibling,
  args: readonly string[],
  options: SpawnOptions = {},
  inside: readonly string[] = [],
): ChildProcess {
  const [first = process.execPath, ...words] = [
    ...inside,
    ...[process.execPath, siblingFile(sibling), ...args],
  ]
  return spawn(first, words, { shell: false, ...options })
}

/** Runs it in our place and answers its exit code; signals to us are its own to handle. */
export function runSibling(sibling: Sibling, args: readonly string[]): Promise<number> {
  const child = startSibling(sibling, args, { stdio: 'inherit' })
  const pass = (signal: NodeJS.Signals) => child.kill(signal)
  process.on('SIGINT', pass).on('SIGTERM', pass)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => resolve(code ?? 1))
  }).finally(() => process.off('SIGINT', pass).off('SIGTERM', pass)) as Promise<number>
}

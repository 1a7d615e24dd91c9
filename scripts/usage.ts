/** The words after a program's name mean nothing to it. */
export class WrongUsage extends Error {
  override readonly name = 'WrongUsage'
}

const isWrong = (error: unknown): error is Error =>
  error instanceof WrongUsage ||
  (error instanceof TypeError &&
    'code' in error &&
    String(error.code).startsWith('ERR_PARSE_ARGS_'))

/**
 * What `read` makes of the words after the program's name. Leaves the process with the usage instead: for `--help`, or with 2 and
 * the reason where `read` throws {@link WrongUsage} or what `parseArgs` throws.
 */
export function understood<T>(usage: string, read: () => T): T {
  if (process.argv.includes('--help')) {
    process.stdout.write(`${usage}\n`)
    process.exit(0)
  }
  try {
    return read()
  } catch (error) {
    if (!isWrong(error)) throw error
    process.stderr.write(`${error.message.split('. ')[0]}\n\n${usage}\n`)
    process.exit(2)
  }
}

/** Leaves the process once nobody reads what it says: whoever did has seen enough, as `head` has. */
export function leaveWithTheReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit(0)
  })
}

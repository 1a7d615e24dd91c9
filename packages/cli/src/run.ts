import { thisMachine } from './machine.ts'
import { main } from './main.ts'

/** The process itself. A broken promise is said in one line; `HALLIGAN_DEBUG` shows where. */
export async function run(): Promise<void> {
  process.stdout.on('error', endQuietly)
  try {
    process.exitCode = await main(process.argv.slice(2), thisMachine())
  } catch (error) {
    const debug = process.env.HALLIGAN_DEBUG !== undefined
    console.error(error instanceof Error && !debug ? `halligan: ${error.message}` : error)
    process.exitCode = 1
  }
}

/** Whoever read us has read enough, as `head` does. */
function endQuietly(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error
  process.exit(0)
}

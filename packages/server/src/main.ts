/**
 * `halligan-server init` makes a control plane, `halligan-server run` is one. Data goes to standard output, words
 * to standard error.
 *
 * @module
 */
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { readConfig, readFlags } from './config.ts'
import { createLog, redacted } from './http/log.ts'
import { initFounders, initGenesis } from './init.ts'
import { run } from './run.ts'

const usage = `Usage:
  halligan-server init --dir DIR --founders FILE
      makes the server's keys and DIR/genesis.json, for the trustees to sign
  halligan-server init --dir DIR --genesis FILE --bundle DIR [--anchor FILE]
      opens the log with the signed roster and prints the roster's digest
  halligan-server run --dir DIR [--host HOST] [--port PORT] [--url URL]
      [--tls-cert FILE --tls-key FILE] [--anchor FILE] [--log-level LEVEL]
      [--notice-url URL] [--notice-private true] [--routes FILE]

Each setting of run is also read from HALLIGAN_<NAME> and from DIR/config.json.
`

/** Exit code: 0 done, 1 refused or failed, 64 wrong usage. */
export async function main(args: readonly string[]): Promise<number> {
  const [command, ...rest] = args
  try {
    if (command === 'init') return await init(rest)
    if (command === 'run') return await serve(rest)
    process.stderr.write(usage)
    return command === 'help' || command === '--help' ? 0 : 64
  } catch (error) {
    if (!(error instanceof Error)) throw error
    process.stderr.write(`halligan-server: ${redacted(error.message)}\n`)
    if (process.env.HALLIGAN_LOG_LEVEL === 'debug')
      process.stderr.write(`${redacted(error.stack ?? '')}\n`)
    return isWrongUsage(error) ? 64 : 1
  }
}

const isWrongUsage = (error: Error): boolean =>
  'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')

async function init(args: readonly string[]): Promise<number> {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    args: [...args],
    options: { dir: text, founders: text, genesis: text, bundle: text, anchor: text },
  })
  const { dir, founders, genesis, bundle, anchor } = values
  const config = readConfig(
    { ...(dir === undefined ? {} : { dir }), ...(anchor === undefined ? {} : { anchor }) },
    process.env,
  )
  if (founders !== undefined) {
    process.stdout.write(`${initFounders(config.dir, resolve(founders))}\n`)
    return 0
  }
  if (genesis === undefined || bundle === undefined) {
    process.stderr.write(usage)
    return 64
  }
  const files = { dir: config.dir, anchor: config.anchor, genesis, bundle }
  process.stdout.write(`${await initGenesis(files)}\n`)
  return 0
}

/** Prints one line once it answers, and ends in order when it is asked to. */
async function serve(args: readonly string[]): Promise<number> {
  const config = readConfig(readFlags(args), process.env)
  const log = createLog(config.logLevel)
  const stopped = new Promise<string>((done) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const)
      process.once(signal, () => done(signal))
  })
  const running = await run(config, log)
  process.stdout.write(`halligan-server ready at ${running.url}\n`)
  log.info({ signal: await stopped }, 'stopping')
  await running.stop()
  return 0
}

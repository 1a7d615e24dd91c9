import { currentLog, ok, refuse } from '@halligan/core'
import { payloadDigest } from '@halligan/ledger'
import { nodeCrypto } from '@halligan/ledger/node'
import type { Logger } from 'pino'
import type { Config } from './config.ts'
import { listen } from './http/listen.ts'
import { keepIdentity, readIdentity } from './identity.ts'
import { type Instance, openInstance } from './instance.ts'
import { readKeys } from './keys.ts'
import { startNextLog } from './next-log.ts'
import { createNet, nodeClock, nodeRandom, nodeScheduler } from './node-ports.ts'
import type { Deps } from './usecases/deps.ts'

export type Running = Readonly<{
  /** Where it listens, or the configured base URL. */
  url: string
  /** What runs now: another one after SAFE MODE was left. */
  inside(): Instance
  stop(): Promise<void>
}>

/** Answers under way get this long when the server stops. */
const graceMillis = 3000

const nodePorts = {
  crypto: nodeCrypto,
  clock: nodeClock,
  random: nodeRandom,
  scheduler: nodeScheduler,
  netTo: createNet,
}

/** Starts the server over an initialised folder. Throws before it listens, or serves until `stop`. */
export async function run(config: Config, log: Logger): Promise<Running> {
  const keys = readKeys(config.dir)
  const open = (): Promise<Instance> => {
    const { origin } = readIdentity(config.dir)
    return openInstance({ config, keys, origin, ...nodePorts, log, leaveSafeMode })
  }

  /** The old log is closed for good and the next is opened in its place; nobody has to reconnect. */
  const leaveSafeMode: Deps['leaveSafeMode'] = async (rosterEnvelope, roster) => {
    const { writer, journal } = instance.ledger
    const highestCheckpoint = writer.frontier().checkpoint
    const journals = journal.lines()
    instance.endStreams()
    await instance.close()
    const started = await startNextLog({
      folder: config.dir,
      anchorPath: config.anchor,
      crypto: nodeCrypto,
      signer: keys.log,
      now: nodeClock.now(),
      roster,
      rosterEnvelope,
      highestCheckpoint,
      journals,
    })
    const { origin } = currentLog(roster)
    if (started.ok) await keepIdentity(config.dir, { estate: roster.estate, origin })
    instance = await open()
    if (!started.ok) return refuse({ code: 'bad_roster', reason: started.error.code })
    const rosterDigest = payloadDigest(nodeCrypto, rosterEnvelope)
    return ok({ version: roster.version, rosterDigest })
  }

  let instance = await open()
  const { host, port, tls, limits } = config
  const listening = await listen((request, env) => instance.app.fetch(request, env), {
    host,
    port,
    tls,
    maxConnections: limits.maxConnections,
  }).catch(async (cause: unknown) => {
    await instance.close()
    throw cause
  })
  const name = host.includes(':') ? `[${host}]` : host
  const scheme = tls === null ? 'http' : 'https'
  return {
    url: config.url ?? `${scheme}://${name}:${listening.port}`,
    inside: () => instance,
    async stop() {
      instance.endStreams()
      await listening.close(graceMillis)
      await instance.close()
    },
  }
}

/**
 * A server's process that never outlives ours, for the estate, the drill and the heavy tests.
 *
 * @module
 */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { createServer, Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

export type Running = Readonly<{
  child: ChildProcess
  /** Resolves once it has ended: by force, when it takes too long. */
  end(signal: NodeJS.Signals): Promise<void>
}>

export type ServerCommand = Readonly<{
  program: string
  args: readonly string[]
  /** Gets what it prints. */
  log: string
  options?: Omit<SpawnOptions, 'stdio' | 'detached'>
  /** Sent when it takes too long, and when we are gone. */
  force?: NodeJS.Signals
  millisToStop?: number
}>

/** Detached, so that a Ctrl-C at the terminal reaches us first and we decide what stops in which order. */
export function startServer(command: ServerCommand): Running {
  const { program, args, options = {}, force = 'SIGKILL', millisToStop = 15_000 } = command
  const log = openSync(command.log, 'a', 0o600)
  const stdio = ['ignore', log, log] as const
  const child = spawn(program, args, { ...options, detached: true, stdio: [...stdio] })
  closeSync(log)
  const exited = new Promise<void>((done) => {
    child.once('exit', () => done()).once('error', () => done())
  })
  const watchdog = watch(child, force)
  void exited.then(() => watchdog?.kill('SIGKILL'))
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal)
    const late = new AbortController()
    const forcing = pause(millisToStop, undefined, { signal: late.signal }).then(
      () => child.kill(force),
      () => false,
    )
    await exited
    late.abort()
    await forcing
  }
  return { child, end }
}

/** What may be done with a server that keeps its data in a folder of its own. */
export type Switch = Readonly<{
  /** Ends every session and shuts down cleanly. */
  stop(): Promise<void>
  /** As a power cut: SIGKILL. */
  kill(): Promise<void>
  /** Starts it again on the same port and data, stopping it first if it runs. */
  restart(): Promise<void>
  /** Stops it and deletes its data. */
  remove(): Promise<void>
}>

/** Launches it now; `stopBy` is the signal by which it shuts down cleanly. `child` answers the process that runs now. */
export async function switchedOn(
  launch: () => Promise<Running>,
  { folder, stopBy }: Readonly<{ folder: string; stopBy: NodeJS.Signals }>,
): Promise<Readonly<{ power: Switch; child(): ChildProcess }>> {
  let running = await launch()
  const stop = () => running.end(stopBy)
  return {
    child: () => running.child,
    power: {
      stop,
      kill: () => running.end('SIGKILL'),
      restart: async () => {
        await stop()
        running = await launch()
      },
      remove: async () => {
        await stop()
        await rm(folder, { recursive: true, force: true })
      },
    },
  }
}

/** Ends the server at once when this process is gone, however it went: the pipe closes with us. */
function watch(child: ChildProcess, force: NodeJS.Signals): ChildProcess | null {
  if (child.pid === undefined) return null
  const script = `cat >/dev/null; kill -s "$2" "$1"`
  const args = ['-c', script, 'sh', String(child.pid), force.replace('SIG', '')]
  const watchdog = spawn('/bin/sh', args, {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  watchdog.unref()
  child.unref()
  if (watchdog.stdin instanceof Socket) watchdog.stdin.unref()
  return watchdog
}

export const hasEnded = ({ pid, exitCode, signalCode }: ChildProcess): boolean =>
  pid === undefined || exitCode !== null || signalCode !== null

/** How a process ended, whoever ended it. `log` is the file of its words. */
export type Death = Readonly<{ name: string; how: string; log: string }>

/** Resolves when the process ends. */
export function deathOf(name: string, child: ChildProcess, log: string): Promise<Death> {
  const { promise, resolve } = Promise.withResolvers<Death>()
  const told = (code: number | null, signal: NodeJS.Signals | null) =>
    resolve({ name, how: signal ?? `exit code ${code}`, log })
  child.once('exit', told)
  if (hasEnded(child)) told(child.exitCode, child.signalCode)
  return promise
}

/** Of the loopback interface. */
export const freePort = (): Promise<number> =>
  new Promise((done, fail) => {
    const probe = createServer()
    probe.once('error', fail).listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() =>
        typeof address === 'object' && address !== null
          ? done(address.port)
          : fail(new Error('no port')),
      )
    })
  })

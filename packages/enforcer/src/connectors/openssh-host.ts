import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { environment, lastWords, run } from './openssh-program.ts'
import { fileOf, type OpensshHost, type OpensshSettings } from './openssh-settings.ts'
import { CredentialRefused } from './port.ts'

/** The words of each line of a helper's answer. */
export type Answer = readonly (readonly string[])[]

const secondsToConnect = 4

/** `known_hosts` for one host, and nothing else of this machine's or anybody's settings (EN-25). */
export const pinned = ({ host, port, hostKey }: OpensshHost): string =>
  `${port === 22 && !host.includes(':') ? host : `[${host}]:${port}`} ${hostKey}`

export const sshOptions = (host: OpensshHost): readonly string[] => [
  ...['-F', 'none', '-T', '-a', '-x', '-p', String(host.port)],
  ...[
    'BatchMode=yes',
    'StrictHostKeyChecking=yes',
    'GlobalKnownHostsFile=none',
    'UserKnownHostsFile=none',
    `KnownHostsCommand=/bin/echo ${pinned(host)}`,
    'CheckHostIP=no',
    'IdentitiesOnly=yes',
    'IdentityAgent=none',
    'PreferredAuthentications=publickey',
    'ControlPath=none',
    'ClearAllForwardings=yes',
    `ConnectTimeout=${secondsToConnect}`,
    'ServerAliveInterval=3',
    'ServerAliveCountMax=2',
    'LogLevel=ERROR',
  ].flatMap((option) => ['-o', option]),
]

type Command = Readonly<{
  words: readonly [string, ...string[]]
  env: Readonly<Record<string, string>>
}>

function commandFor(
  { account, key, helper, state }: OpensshSettings,
  host: OpensshHost,
  verb: string,
): Command {
  if (host.local)
    return { words: [helper, state, 'serve'], env: { SSH_ORIGINAL_COMMAND: verb } }
  if (key === null) throw new Error(`there is no key to reach ${host.name} with`)
  const to = ['-l', account, '-i', fileOf(key), '--', host.host, verb]
  return { words: ['ssh', ...sshOptions(host), ...to], env: {} }
}

/** One verb of the helper's, on a connection of its own. Throws unless the helper says that it did it all. */
export async function ask(
  settings: OpensshSettings,
  host: OpensshHost,
  verb: readonly string[],
  input = '',
): Promise<Answer> {
  const lines = await askForLines(settings, host, verb, input)
  return lines.map((line) => line.split(' '))
}

export async function askForLines(
  settings: OpensshSettings,
  host: OpensshHost,
  verb: readonly string[],
  input = '',
  millis?: number,
): Promise<readonly string[]> {
  const { words, env } = commandFor(settings, host, verb.join(' '))
  const ran = await run(words, { input, env, ...(millis === undefined ? {} : { millis }) })
  const lines = ran.stdout.trimEnd().split('\n')
  if (ran.status !== 0 || lines.pop() !== 'ok') throw unanswered(host, ran)
  return lines
}

function unanswered(
  { name }: OpensshHost,
  { status, stderr }: Readonly<{ status: number; stderr: string }>,
): Error {
  const words = `${name}: ${lastWords(stderr)} (${status})`
  return status === 255 && /Permission denied \(/.test(stderr)
    ? new CredentialRefused(words)
    : new Error(words)
}

/** A host that is held for this enforcer for as long as the connection lasts. */
export type Hold = Readonly<{
  /** The helper's one line in answer to one line. */
  request(words: readonly string[]): Promise<readonly string[]>
  isLost(): boolean
  release(): Promise<void>
}>

const millisToAnswer = 10_000

/** Null when another enforcer holds the host. Throws when it cannot be reached. */
export async function hold(
  settings: OpensshSettings,
  host: OpensshHost,
): Promise<Hold | null> {
  const { words, env } = commandFor(settings, host, 'hold')
  const [program, ...args] = words
  const child = spawn(program, args, {
    env: { ...environment, ...env },
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let lost = false
  let stderr = ''
  const gone = new Promise<null>((done) => {
    const over = () => {
      lost = true
      done(null)
    }
    child.once('error', over).once('exit', over)
    child.stdin.on('error', over)
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-2000)
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const drop = async () => {
    child.stdin.end()
    child.kill('SIGKILL')
    await gone
  }
  const nextLine = async (): Promise<readonly string[]> => {
    const line = await within(Promise.race([lines.next(), gone]))
    if (line !== null && line.done !== true) return line.value.split(' ')
    await drop()
    throw unanswered(host, { status: child.exitCode ?? 255, stderr })
  }
  const [answer] = await nextLine()
  if (answer !== 'held') {
    await drop()
    if (answer === 'taken') return null
    throw new Error(`${host.name}: an answer that is none`)
  }
  return {
    isLost: () => lost,
    request: (request) => {
      child.stdin.write(`${request.join(' ')}\n`)
      return nextLine()
    },
    release: async () => {
      // The helper lets go at the end of its input, and only then is anybody else told that it did.
      child.stdin.end()
      await within(gone).catch(drop)
    },
  }

  /** One that does not answer may still do what it was asked: it is not asked again on this connection. */
  async function within<T>(answer: Promise<T>): Promise<T> {
    const late = Promise.withResolvers<never>()
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      late.reject(new Error(`${host.name} gave no answer in ${millisToAnswer} ms`))
    }, millisToAnswer)
    return Promise.race([answer, late.promise]).finally(() => clearTimeout(timer))
  }
}

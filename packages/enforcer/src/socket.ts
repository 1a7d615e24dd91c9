import { chmodSync, rmSync } from 'node:fs'
import { createConnection, createServer, type Server, type Socket } from 'node:net'
import type { Json } from '@halligan/core'
import { type LocalAnswer, type LocalCommand, parseCommand } from './local-commands.ts'

/** A command and an answer are one line each. An answer may have to name very many grants. */
const maxCommand = 65_536
const maxAnswer = 2 ** 26
const answerMillis = 20_000

/** Serves local commands on a unix socket that only its owner can open. The folder around it is 0700 already. */
export async function serveSocket(
  path: string,
  obey: (command: LocalCommand) => Promise<LocalAnswer>,
): Promise<Server> {
  // Only the holder of the books' lock comes here, so a socket that lies about is a predecessor's.
  rmSync(path, { force: true })
  const server = createServer((socket) => {
    void readLine(socket, maxCommand)
      .then(async (line) => {
        const command = line === null ? null : parseCommand(line)
        return command === null ? notACommand : await obey(command)
      })
      .catch((error: unknown) => failed(error))
      .then((answer) => socket.end(`${JSON.stringify(answer)}\n`))
  })
  await new Promise<void>((resolve, reject) => {
    const mask = process.umask(0o177)
    server.once('error', reject).listen(path, resolve)
    process.umask(mask)
  })
  chmodSync(path, 0o600)
  return server
}

const notACommand: LocalAnswer = {
  ok: false,
  code: 'malformed_command',
  reason: 'one line of JSON with a known command',
}

const failed = (error: unknown): LocalAnswer => ({
  ok: false,
  code: 'failed',
  reason: error instanceof Error ? error.message : String(error),
})

/** Asks the enforcer that runs on this folder. Throws when none does. */
export async function askSocket(
  path: string,
  command: Json,
  patienceMillis = answerMillis,
): Promise<LocalAnswer> {
  const socket = createConnection(path)
  socket.setTimeout(patienceMillis, () =>
    socket.destroy(new Error('the enforcer is silent')),
  )
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve).once('error', reject)
  })
  socket.write(`${JSON.stringify(command)}\n`)
  const line = await readLine(socket, maxAnswer)
  socket.destroy()
  if (line === null) throw new Error('the enforcer gave no answer')
  return JSON.parse(line) as LocalAnswer
}

function readLine(socket: Socket, maxLine: number): Promise<string | null> {
  return new Promise((resolve) => {
    let text = ''
    socket
      .setEncoding('utf8')
      .on('data', (chunk: string) => {
        const end = chunk.indexOf('\n')
        text += end < 0 ? chunk : chunk.slice(0, end)
        if (text.length > maxLine) resolve(null)
        else if (end >= 0) resolve(text)
      })
      .on('end', () => resolve(null))
      .on('error', () => resolve(null))
  })
}

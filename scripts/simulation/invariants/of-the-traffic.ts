/**
 * What must be true of everything that leaves a process: of the server's answers, of what enforcers send, of what either
 * logs.
 *
 * @module
 */
import type { Envelope } from '@halligan/core'
import { digestOfBytes, parseCheckpoint, payloadDigest } from '@halligan/ledger'
import { nodeCrypto } from '@halligan/ledger/node'
import { rootAt } from '../../../packages/server/src/store/log-table.ts'
import { StorageFailed } from '../../../packages/server/src/store/port.ts'
import type { Question, Reply } from '../network.ts'
import { Violation } from '../tally.ts'
import type { World } from '../world.ts'

/** The moment at which an answer leaves the server. */
export function judgeReply(world: World, question: Question, reply: Reply): void {
  judgeSecrets(world, 'the server', reply.body)
  judgeSession(world, question, reply)
  if (question.path.startsWith('/v1/acts/')) {
    judgeActAnswer(world, reply)
    judgeSameAnswer(world, question, reply)
  }
  if (/\/sealed\//.test(question.path)) judgeReveal(world, question, reply)
  if (reply.status !== 200) return
  if (question.path === '/v1/enforcer/sync')
    judgeCheckpoint(world, (JSON.parse(reply.body) as { checkpoint: string }).checkpoint)
  if (question.path === '/v1/checkpoint') judgeCheckpoint(world, reply.body)
}

const secret = /secret-\d/

export function judgeSecrets(world: World, where: string, text: string): void {
  world.tally.checked(20)
  if (secret.test(text)) throw new Violation(20, `a secret was told by ${where}`)
}

/** Only a bearer that this server gave opens what needs one. */
function judgeSession(world: World, { path, authorization }: Question, reply: Reply): void {
  if (authorization === null || !world.badBearers.has(authorization)) return
  world.tally.checked(12)
  if (reply.status < 400)
    throw new Violation(12, `${path} was answered for a bearer that nobody gave`)
}

function judgeActAnswer(world: World, { status, body }: Reply): void {
  if (status !== 200) return
  world.tally.checked(2)
  const { entries = [] } = JSON.parse(body) as {
    entries?: readonly { index: number; id: string }[]
  }
  for (const { index, id } of entries)
    if (world.server.durableId(index) !== id)
      throw new Violation(2, `entry ${index} was answered and is not durable`)
}

/** Told to its requester alone, and only what the log says was exposed. */
function judgeReveal(
  world: World,
  { path, from }: Question,
  { status, body }: Reply,
): void {
  if (status !== 200) return
  const { jwe } = JSON.parse(body) as { jwe: string }
  const story = [...world.chronicle.stories.values()].find(({ grant }) =>
    path.includes(grant),
  )
  world.tally.checked(2)
  const digest = digestOfBytes(nodeCrypto, new TextEncoder().encode(jwe))
  if (story?.exposed.has(digest) !== true)
    throw new Violation(2, 'a credential was told that the log does not call exposed')
  world.tally.checked(12)
  if (story.terms.requester !== from)
    throw new Violation(12, `${from} was told the credential of another`)
}

const passing = new Set([
  ...['outcome_unknown', 'safe_mode', 'clock_unsafe', 'facts_stale', 'too_many_requests'],
  ...['internal_error', 'journalled'],
])

/** The same act has the same answer, however often and whenever it arrives. */
function judgeSameAnswer(world: World, question: Question, reply: Reply): void {
  const said = JSON.parse(reply.body) as { code?: string }
  if (said.code !== undefined && passing.has(said.code)) return
  const { act } = JSON.parse(question.body) as { act: Envelope }
  const name = `${question.path} ${payloadDigest(nodeCrypto, act)}`
  const told = said.code === undefined ? reply.body : `refused: ${said.code}`
  const before = world.answers.get(name)
  world.answers.set(name, told)
  if (before === undefined) return
  world.tally.checked(22)
  world.tally.happened('step: act sent again and answered')
  if (before !== told)
    throw new Violation(22, `one act was answered ${before} and then ${told}`)
}

/** One root for each size, of what is durable by then. */
function judgeCheckpoint(world: World, note: string): void {
  const checkpoint = parseCheckpoint(note.slice(0, note.lastIndexOf('\n\n') + 1))
  if (checkpoint === null) throw new Violation(13, 'a checkpoint that nobody can read')
  const { size, root } = checkpoint
  world.tally.checked(13)
  const known = world.roots.get(size)
  if (known !== undefined && known !== root)
    throw new Violation(13, `two roots were signed for size ${size}`)
  world.roots.set(size, root)
  const store = world.server.store()
  if (store === null) return
  try {
    if (size > store.view().head().size)
      throw new Violation(13, `a checkpoint of ${size} was told, and that is not durable`)
    if (rootAt(nodeCrypto, store.node, size) !== root)
      throw new Violation(13, `the root told for size ${size} is not that of the log`)
  } catch (error) {
    if (!(error instanceof StorageFailed)) throw error
  }
}

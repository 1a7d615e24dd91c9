/**
 * A process that is killed by its test. It writes a log in the folder it is given, says which commands were
 * acknowledged, one line each, and stops dead at the failpoint in FAILPOINT, if any: `<name>:<n>`, the n-th time.
 *
 * With UNVERIFIED its log counts as a long one, and all it submits are ends.
 *
 * The failpoints are in the ports it hands to the log, so the product has none.
 */
import { writeSync } from 'node:fs'
import { join } from 'node:path'
import { ok } from '@halligan/core'
import { nodeCrypto } from '@halligan/ledger/node'
import { nodeClock, nodeScheduler } from '../src/node-ports.ts'
import { openLog } from '../src/open-log.ts'
import type { Tx } from '../src/store/port.ts'
import { keyOf, logSigner, note, origin } from './log-kit.ts'
import { activated, approved, asked, draftOf, grantId } from './story.ts'

const [root, run] = process.argv.slice(2)
if (root === undefined || run === undefined) throw new Error('usage: log-child FOLDER RUN')

const [failAt, failOn] = (process.env.FAILPOINT ?? ':').split(':')
const passed = new Map<string, number>()

/** SIGKILL, as the machine would: nothing is flushed, nothing is closed. */
function failpoint(name: string): void {
  const times = (passed.get(name) ?? 0) + 1
  passed.set(name, times)
  if (name === failAt && times === Number(failOn)) process.kill(process.pid, 'SIGKILL')
}

const isLong = process.env.UNVERIFIED !== undefined
const log = await openLog({
  mostVerifiedFirst: isLong ? 0 : Number.POSITIVE_INFINITY,
  folder: join(root, 'data'),
  anchorPath: join(root, 'anchor'),
  origin,
  signer: {
    ...logSigner,
    sign(message) {
      failpoint('after-commit')
      return logSigner.sign(message)
    },
  },
  crypto: nodeCrypto,
  clock: nodeClock,
  scheduler: {
    after: nodeScheduler.after,
    soon: (drain) =>
      nodeScheduler.soon(() => {
        failpoint('before-batch')
        drain()
        failpoint('after-answer')
      }),
  },
})
const causes = log.safeMode.causes().map(({ cause }) => cause)
if (causes.join() !== (isLong ? 'log_unverified' : ''))
  throw new Error(JSON.stringify(log.safeMode.causes()))

/** Every fourth command is a whole activation: decision, order and review in one transaction (K-05). */
function story(
  tx: Tx,
  n: number,
  now: Parameters<ReturnType<typeof note>['run']>[1],
): number {
  const g = grantId(n)
  if (n % 4 !== 0 || tx.grant(g) !== null) {
    failpoint('in-command')
    return tx.append({ at: now, kind: 'noted', subject: 'log', actor: 'system', n }).index
  }
  const events = [...asked(g, now), ...approved(g, now), ...activated(g, now)]
  for (const event of events) {
    tx.append(draftOf(g, event))
    failpoint('between-entries')
  }
  return tx.head().size - 1
}

async function client(id: number): Promise<void> {
  for (let n = 0; ; n++) {
    const name = `${run}-${id}-${n}`
    const command = note(name, {
      key: keyOf(name),
      ending: isLong,
      run: (tx, now) => ok(story(tx, id + 8 * n, now)),
    })
    const answer = await log.writer.submit(command)
    if (!answer.ok) throw new Error(answer.error.code)
    await (n % 8 === 0 ? log.writer.anchored(answer.value) : undefined)
    // One write is one line, even when the process dies after it.
    writeSync(1, `${name} ${answer.value}\n`)
  }
}

await Promise.all([0, 1, 2, 3, 4, 5, 6, 7].map(client))

import { readFile, writeFile } from 'node:fs/promises'
import type { WebhookLab } from '../test/webhook-lab.ts'
import type { BenchTarget } from './connector-bench.ts'

/** The bare client: what the receiver does for it, the file of users read and written twice, with no call in between. */
export const webhookTarget = (lab: WebhookLab): BenchTarget => ({
  kind: 'webhook',
  target: lab.target,
  privileges: ['page:write'],
  connector: lab.connector(),
  bare: async (n) => {
    const file = `${lab.receiver.usersFile}.bench`
    const write = async () => {
      const users = JSON.parse(await readFile(lab.receiver.usersFile, 'utf8'))
      const text = JSON.stringify({ ...users, [`bench_${n}`]: { until: 0 } })
      await writeFile(file, text, { flush: true })
    }
    const start = performance.now()
    await write()
    const open = performance.now()
    await write()
    return { open: open - start, end: performance.now() - open }
  },
})

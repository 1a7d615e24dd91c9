import { writeFile } from 'node:fs/promises'
import { createConnection, createServer, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { mariadbGrantee } from '../../test/mariadb-grantee.ts'
import { describeAt } from '../../test/real-server.ts'
import { TargetUnreachable } from './mariadb-session.ts'

type Mood = 'passes on' | 'is silent' | 'talks nonsense' | 'hangs up'

/** A way to the target that somebody may break: in the middle of a session, or before it. */
describeAt('MariaDB', () => {
  const { at, open, end, close } = mariadbGrantee()
  let mood: Mood
  let between: Server
  const sockets = new Set<Socket>()

  const carry = (client: Socket) => {
    const server = createConnection(at.lab.server.port, '127.0.0.1')
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      sockets.add(from)
      from.on('error', () => undefined).on('close', () => to.destroy())
      from.on('data', (data) => {
        if (mood === 'passes on') to.write(data)
        if (mood === 'talks nonsense') client.write('\u0007\0\0\u0001nonsense')
        if (mood === 'hangs up') client.destroy()
      })
    }
  }
  beforeEach(async () => {
    mood = 'passes on'
    between = createServer(carry)
    await new Promise<void>((done) => between.listen(0, '127.0.0.1', done))
    const address = between.address()
    const url = new URL(at.lab.connectorUrl)
    url.port = String(typeof address === 'object' ? address?.port : '')
    await at.connector.close()
    await writeFile(at.lab.urlFile, url.href)
    await at.connector.open()
  })
  afterEach(async () => {
    for (const socket of sockets) socket.destroy()
    sockets.clear()
    await new Promise((done) => between.close(done))
    await writeFile(at.lab.urlFile, at.lab.connectorUrl)
  })

  test.each<Mood>(['is silent', 'talks nonsense', 'hangs up'])(
    'INV-9 a target that %s shows no absence, and is given up in time',
    async (broken) => {
      await open()
      mood = broken
      const calls = [
        () => at.connector.probeAbsent(at.grant, at.lab.target),
        () => end(),
        () => at.connector.reseal(at.grant, at.lab.target),
      ]
      for (const call of calls) {
        const started = performance.now()
        await expect(call()).rejects.toThrow()
        expect(performance.now() - started).toBeLessThan(15_000)
      }
      const probing = at.connector.probeAbsent(at.grant, at.lab.target)
      await expect(probing).rejects.toThrow(TargetUnreachable)
      mood = 'passes on'
      await end()
      await close()
    },
  )
})

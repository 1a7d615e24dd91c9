import { readFile, writeFile } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { grantee } from '../../test/postgres-grantee.ts'
import { type TcpProxy, tcpProxy } from '../../test/tcp-proxy.ts'
import { TargetUnreachable } from './postgres-session.ts'

/** By a way to the target that breaks, in the middle of a session and before it. */
describe('PostgreSQL behind a line that breaks', () => {
  const { at, open, end, cleanup, present } = grantee(null)
  let line: TcpProxy
  let straight: string
  beforeEach(async () => {
    line = await tcpProxy(() => at.lab.server.port)
    straight = await readFile(at.lab.urlFile, 'utf8')
    const url = new URL(straight.trim())
    url.port = String(line.port)
    await at.connector.close()
    await writeFile(at.lab.urlFile, url.href)
    await at.connector.open()
  })
  afterEach(async () => {
    await line.close()
    await writeFile(at.lab.urlFile, straight)
  })

  const nonsense = Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')
  test.each([
    ['is silent', () => line.intercept(() => 'hold')],
    ['talks nonsense', () => line.intercept(() => nonsense)],
  ])(
    'INV-9 C-04 one that %s shows no absence, and every call settles',
    async (_, spoil) => {
      await open()
      spoil()
      const calls = [
        () => at.connector.probeAbsent(at.grant, at.lab.target),
        () => end(),
        () => at.connector.reseal(at.grant, at.lab.target),
        () => at.connector.standing(at.lab.target),
      ]
      for (const call of calls) {
        const started = performance.now()
        await expect(call()).rejects.toThrow()
        expect(performance.now() - started).toBeLessThan(30_000)
      }
      const probing = at.connector.probeAbsent(at.grant, at.lab.target)
      await expect(probing).rejects.toThrow(TargetUnreachable)
      line.cut()
      line.release()
      await end()
      expect(await present()).toEqual([])
      await cleanup()
    },
  )
})

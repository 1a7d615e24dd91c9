import { createServer } from 'node:net'
import type { PrincipalId } from '@halligan/core'
import type { Client } from 'ldapts'
import { expect, test } from 'vitest'
import { memoryPorts } from '../../test/connector-ports.ts'
import { freshGrant } from '../../test/fresh-grant.ts'
import type { Site } from './ldap-groups.ts'
import { blankNote, notesIn } from './ldap-plan.ts'
import { probeAbsence } from './ldap-probe.ts'
import { ldapSettings } from './ldap-settings.ts'
import type { Held } from './port.ts'

/** A directory that has one answer to every bind. */
async function directoryAnswering(code: number) {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.on('data', (asked: Buffer) => {
      // The number of the message stands behind two lengths of one byte each.
      const message = asked[4]
      const words = [0x0a, 1, code, 4, 0, 4, 0]
      socket.write(Buffer.from([0x30, 12, 2, 1, message ?? 1, 0x61, 7, ...words]))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return { url: `ldap://127.0.0.1:${address.port}`, close: () => server.close() }
}

const grant = freshGrant()

function siteAt(url: string): Site {
  const settings = ldapSettings({
    ...{ kind: 'ldap', target: 'directory', url, base: 'dc=lab' },
    ...{ bindDn: 'cn=halligan,dc=lab', password: { env: 'NONE' } },
    prober: { bindDn: 'cn=prober,dc=lab', password: { env: 'NONE' } },
    lock: 'cn=lock,dc=lab',
    sharedAccounts: { ops: 'uid=ops,dc=lab' },
  })
  const held: Held = {
    ...{ grant, requester: 'ada' as PrincipalId },
    ...{ privileges: ['account:ops'], phase: 'ending' },
  }
  const ports = memoryPorts(() => [held])
  const notes = notesIn(settings, ports)
  const replaced = { ...blankNote, account: 'uid=ops,dc=lab', removedAt: 1 }
  notes.put(grant, { ...replaced, secret: 'handed out' })
  const unasked = () => Promise.reject(new Error('nobody asks for that'))
  return {
    ...{ settings, notes, clock: ports.clock, held: ports.held, vault: ports.vault },
    probe: async () => ({ client: { isConnected: false } as Client, url }),
    connect: unasked,
    inAccount: unasked,
    lock: { take: unasked, whileHeld: unasked, settle: unasked, release: unasked },
  }
}

test.each([
  ['busy', 51],
  ['unavailable', 52],
  ['unwilling to perform', 53],
])(
  'INV-10 a directory that is %s at the trial of a shared account has shown nothing',
  async (_, code) => {
    const directory = await directoryAnswering(code)
    await expect(probeAbsence(siteAt(directory.url), grant)).rejects.toThrow(
      /does not say whether account ops can be entered/,
    )
    directory.close()
  },
)

test('a directory that refuses the secret of a shared account shows that it was taken back', async () => {
  const directory = await directoryAnswering(49)
  const probes = await probeAbsence(siteAt(directory.url), grant)
  expect(probes).toContainEqual(expect.objectContaining({ probe: 'bind', absent: true }))
  directory.close()
})

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { PrincipalId } from '@halligan/core'
import { afterEach, expect, test } from 'vitest'
import { memoryPorts } from '../../test/connector-ports.ts'
import { freshGrant } from '../../test/fresh-grant.ts'
import { membershipsBefore } from './linux-membership.ts'
import { type Note, notesIn } from './linux-note.ts'
import { linuxSettings } from './linux-settings.ts'
import type { Held } from './port.ts'

const root = mkdtempSync(join(tmpdir(), 'halligan-groups-'))
mkdirSync(join(root, 'etc'))
afterEach(() => rmSync(root, { recursive: true, force: true }))

test.each([
  ['ending', false],
  ['closing', true],
] as const)(
  'EN-17 beside a grant that is %s, a membership that stands stood before: %s',
  (phase, stood) => {
    mkdirSync(join(root, 'etc'), { recursive: true })
    writeFileSync(join(root, 'etc/group'), 'repair:x:500:ada\n')
    const [earlier, later] = [freshGrant(), freshGrant()]
    const settings = linuxSettings({
      ...{ kind: 'linux', target: 'host', accounts: { ada: 'ada' } },
      groups: { repair: {} },
    })
    const held: Held = {
      ...{ grant: earlier, requester: 'ada' as PrincipalId, phase },
      privileges: ['group:repair'],
    }
    const notes = notesIn(
      settings,
      memoryPorts(() => [held]),
    )
    const note: Note = {
      ...{ account: 'ada', uid: 1000, since: { boot: '', ticks: 0 }, rule: null },
      groups: { repair: { gid: 500, stood: false } },
    }
    notes.put(earlier, note)
    const host = { before: () => [], root: () => root }
    const account = { name: 'ada', uid: 1000, gid: 1000, home: '/home/ada' }
    expect(membershipsBefore(host, notes, later, account, ['repair'])).toEqual({
      repair: { gid: 500, stood },
    })
  },
)

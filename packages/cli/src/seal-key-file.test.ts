import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { GrantId } from '@halligan/core'
import { expect, test } from 'vitest'
import { Home } from './home.ts'
import { heldSealKey } from './seal-key-file.ts'

const grant = `g-${'a'.repeat(26)}` as GrantId
const other = `g-${'b'.repeat(26)}` as GrantId

test('a second activation seals to the key that the first one opened with', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'halligan-seal-'))
  try {
    const desk = { home: new Home(folder), passphrase: 'correct horse' }
    const first = await heldSealKey(desk, grant)
    expect(await heldSealKey(desk, grant)).toEqual(first)
    expect(await heldSealKey(desk, other)).not.toEqual(first)
  } finally {
    await rm(folder, { recursive: true })
  }
})

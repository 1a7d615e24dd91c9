import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { caseFileBytes, payloadDigest } from '@halligan/ledger'
import { nodeCrypto } from '@halligan/ledger/node'
import { genesis, signRoster, tellWholeStory } from '@halligan/ledger/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const root = join(import.meta.dirname, '..')
const packed = ['core', 'ledger', 'contract', 'policy', 'sdk', 'cli']
let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'halligan-pack-'))
  const workspaces = packed.flatMap((name) => ['-w', `packages/${name}`])
  execFileSync('npm', ['pack', ...workspaces, '--pack-destination', folder, '--silent'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const tarballs = readdirSync(folder).map((file) => join(folder, file))
  writeFileSync(join(folder, 'package.json'), '{"name":"stranger","private":true}\n')
  execFileSync(
    'npm',
    ['install', '--prefer-offline', '--no-audit', '--no-fund', '--silent', ...tarballs],
    {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  )
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const bytes = caseFileBytes(tellWholeStory())
const rosterDigest = payloadDigest(nodeCrypto, signRoster(genesis))

const halligan = (...args: readonly string[]) =>
  spawnSync(join(folder, 'node_modules', '.bin', 'halligan'), args, {
    cwd: folder,
    encoding: 'utf8',
  })

describe('a stranger with nothing but the packages', () => {
  test('finds JavaScript and declarations, and no TypeScript sources', () => {
    const files = readdirSync(join(folder, 'node_modules', '@halligan'), {
      recursive: true,
      encoding: 'utf8',
    })
    for (const name of packed) {
      expect(files).toContain(join(name, 'dist', 'index.js'))
      expect(files).toContain(join(name, 'dist', 'index.d.ts'))
    }
    expect(files.filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))).toEqual(
      [],
    )
  })

  test('verifies a case file offline against the digest of a roster', () => {
    writeFileSync(join(folder, 'case.json'), bytes)
    const proven = halligan('case', 'verify', 'case.json', '--trust', rosterDigest)
    expect(`${proven.stdout}${proven.stderr}`).toContain('proven')
    expect(proven.status).toBe(0)
    expect(halligan('case', 'verify', 'case.json').status).toBe(2)
  })

  test('is told what is wrong with a changed one', () => {
    const text = new TextDecoder().decode(bytes).replace('justified', 'excessive')
    writeFileSync(join(folder, 'changed.json'), text)
    expect(halligan('case', 'verify', 'changed.json', '--trust', rosterDigest).status).toBe(
      1,
    )
  })
})

import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const packages = join(import.meta.dirname, '..', 'packages')

const programs = readdirSync(packages).flatMap((name): [string, string][] => {
  const manifest = readFileSync(join(packages, name, 'package.json'), 'utf8')
  const { bin = {} } = JSON.parse(manifest) as { bin?: Record<string, string> }
  return Object.entries(bin).map(([program, file]) => [program, join(packages, name, file)])
})

const pretence = `
const versions = { ...process.versions, node: '20.20.2' }
Object.defineProperty(process, 'versions', { value: versions })
Object.defineProperty(process, 'version', { value: 'v20.20.2' })`

/** This Node, made to call itself an old one, and as unable to read TypeScript. */
const asOldNode = [
  '--no-strip-types',
  '--import',
  `data:text/javascript,${encodeURIComponent(pretence)}`,
]

test.each(programs)('%s says in one line that Node is too old', (program, file) => {
  const { status, stderr } = spawnSync(process.execPath, [...asOldNode, file, '--help'])
  expect(String(stderr)).toBe(
    `${program} needs Node 24 or later and this is v20.20.2. In a clone, \`npx ${program}\` finds the right one.\n`,
  )
  expect(status).toBe(2)
})

test('the programs are those that the packages bring', () => {
  const names = programs.map(([program]) => program).sort()
  expect(names).toEqual(['halligan', 'halligan-enforcer', 'halligan-server'])
})

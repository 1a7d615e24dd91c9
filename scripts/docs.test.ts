import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

const root = join(import.meta.dirname, '..')
const read = (file: string) => readFileSync(join(root, file), 'utf8')

const pages = [
  ...readdirSync(root).filter((file) => file.endsWith('.md')),
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => join('docs', file)),
]

const blocks = (page: string, language: string): readonly string[] =>
  [
    ...read(page).matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm')),
  ].map(([, text]) => text ?? '')

describe.each(pages)('%s', (page) => {
  test('links only to what exists', () => {
    const links = [...read(page).matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)].map(
      ([, to]) => to ?? '',
    )
    const broken = links.filter((to) => !existsSync(join(root, page, '..', to)))
    expect(broken).toEqual([])
  })

  test.each(blocks(page, 'ts'))('its TypeScript runs: %#', (snippet) => {
    const fromStdin = ['--input-type=module-typescript', '-']
    execFileSync(process.execPath, fromStdin, { cwd: root, input: snippet, stdio: 'pipe' })
  })

  test('names only npm scripts that exist', () => {
    const scripts = Object.keys(JSON.parse(read('package.json')).scripts)
    const named = [
      ...read(page).matchAll(/npm (?:run )?(start|test|drill|bench|[a-z]+:[a-z]+)\b/g),
    ]
    expect(
      named.map(([, script]) => script).filter((script) => !scripts.includes(script ?? '')),
    ).toEqual([])
  })
})

test('the phases of the lifecycle page are those of the code', () => {
  const phases = [
    ...read('packages/core/src/grant.ts').matchAll(/phase: ((?:'[a-z_]+'(?: \| )?)+)/g),
  ].flatMap(([, names]) => (names ?? '').match(/[a-z_]+/g) ?? [])
  const page = read('docs/grant-lifecycle.md')
  expect([...new Set(phases)].filter((phase) => !page.includes(`\`${phase}\``))).toEqual([])
  expect(phases.length).toBeGreaterThan(10)
})

test('every decision is numbered once', () => {
  const numbers = readdirSync(join(root, 'docs', 'decisions')).map((file) =>
    file.slice(0, 4),
  )
  expect(new Set(numbers).size).toBe(numbers.length)
  expect(numbers.every((number) => /^\d{4}$/.test(number))).toBe(true)
})

test('every id that a test carries is explained in docs/threats.md', () => {
  const tests = readdirSync(join(root, 'packages'), { recursive: true, encoding: 'utf8' })
    .filter((file) => !file.includes('node_modules') && /\.(test|contract)\.ts$/.test(file))
    .map((file) => read(join('packages', file)))
  const names = tests.flatMap(
    (text) => text.match(/\b(?:INV-\d+|[A-Z]{1,2}-\d\d)\b/g) ?? [],
  )
  const explained = read('docs/threats.md')
  const known = (id: string) =>
    id.startsWith('INV-')
      ? new RegExp(`^${id.slice(4)}\\. `, 'm').test(explained)
      : explained.includes(`| ${id} |`)
  expect([...new Set(names)].filter((id) => !known(id))).toEqual([])
  expect(new Set(names).size).toBeGreaterThan(100)
})

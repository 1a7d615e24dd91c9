import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

/** Who may import whom: the arrows of ARCHITECTURE.md, and no others. */
const arrows: Readonly<Record<string, readonly string[]>> = {
  core: [],
  ledger: ['core'],
  policy: ['core', 'ledger'],
  contract: ['core', 'ledger'],
  server: ['core', 'ledger', 'policy', 'contract'],
  sdk: ['core', 'ledger', 'contract'],
  enforcer: ['core', 'ledger', 'contract', 'sdk'],
  cli: ['core', 'ledger', 'policy', 'contract', 'sdk'],
}

const root = join(import.meta.dirname, '..')
const imports = /(?:^|[\s}])(?:from |import |import\()'([^']+)'/g

const sources = (name: string): readonly string[] =>
  readdirSync(join(root, 'packages', name, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !/\.(test|contract)\.ts$/.test(file))
    .map((file) => join('packages', name, 'src', file))

const importsOf = (file: string): readonly string[] =>
  [...readFileSync(join(root, file), 'utf8').matchAll(imports)].map(
    ([, name]) => name ?? '',
  )

test('the packages are those of the map', () => {
  expect(readdirSync(join(root, 'packages')).sort()).toEqual(Object.keys(arrows).sort())
})

test.each(Object.entries(arrows))('%s imports only %j of the house', (name, allowed) => {
  const found = sources(name).flatMap((file) =>
    importsOf(file).flatMap((from) => {
      const house = /^@halligan\/([a-z]+)/.exec(from)?.[1]
      return house === undefined || house === name || allowed.includes(house)
        ? []
        : `${file}: ${from}`
    }),
  )
  expect(found).toEqual([])
  expect(sources(name).length).toBeGreaterThan(0)
})

test.each(Object.keys(arrows))(
  '%s reaches no other package through the file system',
  (name) => {
    const outside = sources(name).filter((file) =>
      importsOf(file).some(
        (from) =>
          from.startsWith('.') &&
          !join(file, '..', from).startsWith(join('packages', name)),
      ),
    )
    expect(outside).toEqual([])
  },
)

test.each(['core', 'ledger'])('%s has no third-party code', (name) => {
  const foreign = sources(name).flatMap((file) =>
    importsOf(file).filter(
      (from) =>
        !from.startsWith('.') &&
        !from.startsWith('@halligan/') &&
        !(file.endsWith('node.ts') && from.startsWith('node:')),
    ),
  )
  expect(foreign).toEqual([])
})

test.each(['core', 'ledger', 'policy'])('%s draws nothing at random', (name) => {
  const drawing = sources(name).filter((file) =>
    /\bMath\.random\b|\bglobalThis\b/.test(readFileSync(join(root, file), 'utf8')),
  )
  expect(drawing).toEqual([])
})

test('a connector reads no clock but the one that it is lent', () => {
  const connectors = sources('enforcer').filter((file) => file.includes('/connectors/'))
  const reading = connectors.filter((file) =>
    /\bDate\.now\b|\bnew Date\(\)/.test(readFileSync(join(root, file), 'utf8')),
  )
  expect(reading).toEqual([])
  expect(connectors.length).toBeGreaterThan(0)
})

import { describe, expect, it, test } from 'vitest'
import {
  bundleOf,
  edited,
  exampleFiles,
  facts,
  load,
  open,
  problemsOf,
} from '../test/situation.ts'

const without = (file: string) =>
  Object.fromEntries(Object.entries(exampleFiles).filter(([path]) => path !== file))

describe('a bundle', () => {
  it('is named by a digest of its paths and texts', () => {
    const { digest } = bundleOf(exampleFiles)
    expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/)
    expect(
      bundleOf(Object.fromEntries(Object.entries(exampleFiles).reverse())).digest,
    ).toBe(digest)
    const commented = {
      ...exampleFiles,
      'access.cedar': `// \n${exampleFiles['access.cedar']}`,
    }
    expect(bundleOf(commented).digest).not.toBe(digest)
  })

  test.each(['schema.cedarschema', 'estate.yaml'])(
    'PO-14 is refused without %s',
    (file) => {
      expect(load(without(file))).toMatchObject({ ok: false, error: [{ file }] })
    },
  )

  it('PO-14 is refused when empty or without a policy', () => {
    expect(load({}).ok).toBe(false)
    const policies = Object.keys(exampleFiles).filter((path) => path.endsWith('.cedar'))
    const rest: Record<string, string> = { ...exampleFiles }
    for (const path of policies) rest[path] = ''
    expect(open(bundleOf(rest), facts)).toEqual([])
    for (const path of policies) delete rest[path]
    expect(load(rest)).toMatchObject({
      ok: false,
      error: [{ reason: 'there is no policy: *.cedar' }],
    })
  })
})

describe('refuses, with the file and the line', () => {
  const estate = (from: string, to: string) => edited('estate.yaml', from, to)
  const lineOf = (file: string, text: string) =>
    (exampleFiles[file] ?? '').slice(0, exampleFiles[file]?.indexOf(text)).split('\n')
      .length

  test.each([
    ['an unknown field', estate('tier: 1', 'teir: 1'), 'tier: 1', /unknown field "teir"/],
    ['a duplicate key', estate('tier: 1', 'tier: 1\n    tier: 0'), 'tier: 1', /unique/i],
    ['a missing field', estate('    tier: 1\n', ''), '  payments-db:', /"tier" is missing/],
    ['a fraction', estate('tier: 1', 'tier: 1.5'), 'tier: 1', /whole number/],
    ['not a number', estate('tier: 1', 'tier: .nan'), 'tier: 1', /whole number/],
    ['1e309', estate('tier: 1', 'tier: 1e309'), 'tier: 1', /whole number/],
    [
      'an unknown group',
      estate('steward: payments-leads', 'steward: payments-gods'),
      'steward:',
      /no group/,
    ],
    [
      'an unknown system',
      estate('system: payments-db', 'system: toString'),
      'system: payments-db',
      /not an id/,
    ],
    [
      'a group named by inheritance',
      estate('reviewers: reviewers', 'reviewers: constructor'),
      'reviewers: reviewers',
      /no group/,
    ],
    [
      '__proto__',
      estate('payments-agents: [robo]', '__proto__: [robo]'),
      'payments-agents',
      /not an id/,
    ],
    ['an unknown zone', estate('Europe/Berlin', 'Europe/Atlantis'), 'zone:', /time zone/],
    ['an unknown route', estate('      solo:', '      yolo:'), '      solo:', /none of/],
    [
      'a route without approvals that is not solo',
      estate('approvals: 1', 'approvals: 0'),
      '      quorum:',
      /a quorum has/,
    ],
    [
      'a route longer than its entitlement',
      estate('maxLifeSeconds: 900', 'maxLifeSeconds: 3601'),
      'maxLifeSeconds: 900',
      /longer/,
    ],
    [
      'a life over the floor',
      estate('maxLifeSeconds: 3600', 'maxLifeSeconds: 86400'),
      'maxLifeSeconds: 3600',
      /14400/,
    ],
    ['an anchor', estate('[bob, cy]', '&leads [bob, cy]'), 'payments-leads:', /anchors/],
    [
      'an alias',
      estate('payments-leads: [bob, cy]', 'payments-leads: &l [bob]\n  others: *l'),
      'payments-leads:',
      /anchors/,
    ],
    ['a tag', estate('tier: 1', 'tier: !!int 1'), 'tier: 1', /tags/],
    ['a second document', estate('voidIf:', '---\nvoidIf:'), 'voidIf:', /document/],
  ])('%s in the estate', (_, files, near, reason) => {
    const [problem] = problemsOf(files)
    expect(problem).toMatchObject({
      file: 'estate.yaml',
      reason: expect.stringMatching(reason),
    })
    expect(Math.abs((problem?.line ?? 0) - lineOf('estate.yaml', near))).toBeLessThan(3)
  })

  test.each(['bo​b', 'Kate', 'İna', 'ﬀ', 'Bob', 'bob ', 'bob/../cy', 'bob%2f'])(
    'ID-02 PO-08 the id %j',
    (id) => {
      const problems = problemsOf(
        edited('estate.yaml', '[bob, cy]', `[${JSON.stringify(id)}, cy]`),
      )
      expect(problems[0]).toMatchObject({
        line: lineOf('estate.yaml', '[bob, cy]'),
        reason: expect.stringMatching(/not an id/),
      })
      expect(problems[0]?.reason).toMatch(/^[\x20-\x7e]*$/)
    },
  )

  test.each([
    '*',
    '.*',
    'role:.*',
    'role:a|role:b',
    'role:../prod',
    'role:',
    '',
    'role:a b',
  ])('RQ-04 the privilege %j', (privilege) => {
    const problems = problemsOf(
      edited('estate.yaml', '"role:payments_repair"', JSON.stringify(privilege)),
    )
    expect(problems[0]?.reason).toMatch(/one exact privilege/)
  })

  it('RQ-04 an empty list of privileges: empty is not all', () => {
    const problems = problemsOf(edited('estate.yaml', '["role:payments_repair"]', '[]'))
    expect(problems[0]?.reason).toMatch(/at least 1/)
  })

  test.each([
    ['approvalSeconds: 900', 'approvalSeconds: 5184000'],
    ['activationSeconds: 600', 'activationSeconds: 5184000'],
    ['reviewSeconds: 86400', 'reviewSeconds: 99999999'],
    ['approvalSeconds: 900', 'startsAt: 1800000000000'],
  ])('RQ-07 a window without bound: %s', (from, to) => {
    expect(problemsOf(edited('estate.yaml', from, to))).not.toEqual([])
  })

  test.each([
    ['syntax', 'forbid (principal, action resource);', /unexpected token/, 1],
    [
      'an unknown attribute',
      '\n@id("x") permit (principal, action == Action::"breakGlass", resource)\nwhen { context.typo };',
      /typo/,
      3,
    ],
    [
      'a type error',
      '@id("x") permit (principal, action == Action::"breakGlass", resource) when { context.onCall > 1 };',
      /Long/,
      1,
    ],
    ['no @id', '// why\npermit (principal, action, resource);', /@id/, 2],
    [
      'an @id taken already',
      '\n\n@id("on-call-may-ask") permit (principal, action, resource);',
      /twice/,
      3,
    ],
    [
      'a template',
      '@id("x") permit (principal == ?principal, action, resource);',
      /templates/,
      0,
    ],
  ])('%s in a policy', (_, text, reason, line) => {
    expect(problemsOf({ 'more.cedar': text })).toMatchObject([
      { file: 'more.cedar', line, reason: expect.stringMatching(reason) },
    ])
  })

  it('a schema that does not parse', () => {
    expect(
      problemsOf({ 'schema.cedarschema': 'entity Group;\nentity Person [Group];' }),
    ).toMatchObject([{ file: 'schema.cedarschema', line: 2 }])
  })

  test.each([
    'policies/x.cedar',
    '../x.cedar',
    'x.yaml',
    'tests/a/b.yaml',
    '/x.cedar',
    'X.cedar',
  ])('PO-08 a file at %s', (path) => {
    expect(problemsOf({ [path]: '' })).toMatchObject([
      { file: path, reason: 'no place for it' },
    ])
  })
})

describe('PO-10 a bundle made to exhaust is refused, and the evaluator lives on', () => {
  const policy = (condition: string) => ({
    'deep.cedar': `@id("deep") permit (principal, action, resource) when { ${condition} };`,
  })

  test.each([
    ['brackets', policy(`${'('.repeat(2000)}true${')'.repeat(2000)}`)],
    ['fewer brackets', policy(`${'('.repeat(250)}true${')'.repeat(250)}`)],
    ['lists', policy(`${'['.repeat(500)}${']'.repeat(500)} == 1`)],
    ['a bracket never closed before a semicolon', policy(`${'(;'.repeat(2000)}`)],
    ['sums', policy(`${'1 + '.repeat(3000)}1 == 1`)],
    ['attributes', policy(`context${'.a'.repeat(3000)}`)],
    ['negations', policy(`${'!'.repeat(3000)}true`)],
    ['quotes never closed', policy('"\\"'.repeat(9999))],
    [
      'nested types',
      { 'schema.cedarschema': `type A = ${'Set<'.repeat(3000)}Long${'>'.repeat(3000)};` },
    ],
    ['nested lists in YAML', { 'estate.yaml': '['.repeat(65_000) }],
    ['nested dashes in YAML', { 'estate.yaml': '- '.repeat(32_000) }],
    ['nested keys in YAML', { 'estate.yaml': '? '.repeat(32_000) }],
    ['keys that are keys of keys', { 'estate.yaml': `${'? '.repeat(500)}x` }],
    [
      'many aliases',
      {
        'estate.yaml': `a: &a [x]\n${Array.from({ length: 200 }, (_, i) => `b${i}: &b${i} [*a, *a]`).join('\n')}`,
      },
    ],
    ['a large file', { 'more.cedar': '/'.repeat(70_000) }],
    [
      'many files',
      Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`f${i}.cedar`, ''])),
    ],
    [
      'many policies',
      {
        'more.cedar': Array.from(
          { length: 600 },
          (_, i) => `@id("p${i}") permit (principal, action, resource);`,
        ).join('\n'),
      },
    ],
  ])('%s', (_, files) => {
    const started = performance.now()
    expect(problemsOf(files)).not.toEqual([])
    expect(performance.now() - started).toBeLessThan(5000)
    expect(open(bundleOf(exampleFiles), facts)).toEqual(['quorum', 'solo'])
  })

  it('a policy at the bounds is judged', () => {
    const deepest = policy(`${'('.repeat(22)}true${')'.repeat(22)}`)
    const longest = policy(`${'1 + '.repeat(290)}1 == 1`)
    for (const files of [deepest, longest])
      expect(open(bundleOf({ ...exampleFiles, ...files }), facts)).toEqual([
        'quorum',
        'solo',
      ])
  })

  it('a file of over 200 policies is refused with the line', () => {
    const one = (n: number) => `@id("p${n}") permit (principal, action, resource);\n`
    const text = Array.from({ length: 300 }, (_, n) => one(n)).join('')
    expect(problemsOf({ 'more.cedar': text })).toMatchObject([{ line: 201 }])
  })
})

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { bundleOf, exampleFiles } from '../test/situation.ts'
import { testBundle } from './trial.ts'

const page = readFileSync(new URL('../../../docs/policy.md', import.meta.url), 'utf8')

const snippets = (language: string): readonly string[] =>
  [...page.matchAll(new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 'gs'))].map(
    ([, text]) => text ?? '',
  )

test('the policies in docs/policy.md stand beside the example', () => {
  const policies = snippets('cedar')
  const bundle = bundleOf({ ...exampleFiles, 'docs.cedar': policies.join('\n') })
  expect(bundle.policies.filter(({ file }) => file === 'docs.cedar')).toHaveLength(
    policies.length,
  )
})

test('the route and the tests in docs/policy.md are as the loader and the example have them', () => {
  const [route = '', trial = ''] = snippets('yaml')
  const indented = route.replace(/^/gm, '    ').trimEnd()
  const estate = exampleFiles['estate.yaml']?.replace(
    /^ {4}routes:\n(?: {6}.*\n| *\n)*?(?=\n? {2}\S|\n)/m,
    `${indented}\n`,
  )
  const bundle = bundleOf({
    ...exampleFiles,
    'estate.yaml': estate ?? '',
    'tests/docs.yaml': trial,
  })
  expect(bundle.estate.entitlements['payments-db-repair']?.routes.quorum?.approvals).toBe(2)
  const own = testBundle(bundleOf({ ...exampleFiles, 'tests/docs.yaml': trial })).filter(
    ({ file }) => file === 'tests/docs.yaml',
  )
  expect(own.map(({ ok, detail }) => ({ ok, detail }))).toEqual([
    { ok: true, detail: '' },
    { ok: true, detail: '' },
    { ok: true, detail: '' },
  ])
})

test('docs/policy.md names every fact', () => {
  const context =
    exampleFiles['schema.cedarschema']?.match(
      /resource: Entitlement,\n {2}context: \{(.*?)\n {2}\}/s,
    )?.[1] ?? ''
  const facts = [...context.matchAll(/^ {4}([a-zA-Z]+):/gm)].map(([, name]) => name)
  expect(facts).toHaveLength(12)
  for (const fact of facts) expect(page).toContain(`| \`${fact}\` |`)
})

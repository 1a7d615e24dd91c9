import { nodeCrypto } from '@halligan/ledger/node'
import { expect, test } from 'vitest'
import { digestOfFiles, edited, exampleFiles } from '../../test/estate-kit.ts'
import type { View } from '../store/port.ts'
import { createInForce } from './in-force.ts'

const holding = (files: typeof exampleFiles) => {
  const applied = digestOfFiles(exampleFiles)
  const view = { bundleInForce: () => applied, bundleFiles: () => files }
  return createInForce(nodeCrypto).policy(view as unknown as View)
}

test('the bundle in force is the one that was applied', () => {
  expect(holding(exampleFiles)).toMatchObject({
    ok: true,
    value: { digest: digestOfFiles(exampleFiles) },
  })
})

test.each([
  [
    'others',
    edited(
      'estate.yaml',
      'payments-leads: [bob, cy]',
      'payments-leads: [bob, cy, mallory]',
    ),
  ],
  ['none that load', { 'estate.yaml': 'anything' }],
])('ST-01 PO-05 files exchanged in the database for %s are no policy', (_, files) => {
  expect(holding(files)).toEqual({ ok: false, error: { code: 'no_policy' } })
})

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { base64url } from '@halligan/ledger'
import { nodeCrypto, signerFromSeed } from '@halligan/ledger/node'
import { expect, test } from 'vitest'
import { readJournal } from './journal.ts'

const seed = new Uint8Array(32).fill(7)

/** Appends lines of these sizes in a process whose files may not grow past 8 blocks; says which were acknowledged. */
const child = `
import { openJournal } from ${JSON.stringify(new URL('./journal.ts', import.meta.url).href)}
import { payloadTypes, sealEnvelope } from '@halligan/ledger'
import { nodeCrypto, signerFromSeed } from '@halligan/ledger/node'
const [path, ...sizes] = process.argv.slice(1)
const signer = signerFromSeed(new Uint8Array(32).fill(7))
const journal = openJournal({ path, origin: 'example.test/log', crypto: nodeCrypto, signer })
const kept = sizes.map((size) => {
  const envelope = sealEnvelope(payloadTypes.act, { verb: 'revoke', pad: 'x'.repeat(size) }, signer)
  try {
    return journal.append({ kind: 'act', envelope }, 1)
  } catch (error) {
    return error.code
  }
})
process.stdout.write(JSON.stringify(kept))
`

test('S-01 AU-07 an end is acknowledged only when all of its line is in the journal', () => {
  const folder = mkdtempSync(join(tmpdir(), 'halligan-journal-'))
  const path = join(folder, 'journal.jsonl')
  const run = spawnSync(
    'sh',
    [
      '-c',
      'ulimit -f 8; exec "$@"',
      'sh',
      ...[process.execPath, '--input-type=module', '-e', child],
      ...[path, '10', '30000', '11'],
    ],
    { cwd: new URL('.', import.meta.url).pathname, encoding: 'utf8' },
  )
  expect(JSON.parse(run.stdout)).toEqual([0, 'EFBIG', 1])
  const { keyId, publicKey } = signerFromSeed(seed)
  const keys = [{ keyId, pub: base64url.encode(publicKey) }]
  expect(readJournal(nodeCrypto, readFileSync(path, 'utf8'), keys)).toHaveLength(2)
  rmSync(folder, { recursive: true })
})

import { readFile } from 'node:fs/promises'
import { ok, type Result } from '@halligan/core'
import { type Entry, isDigest } from '@halligan/ledger'
import { nodeCrypto } from '@halligan/ledger/node'
import type { Head } from '@halligan/sdk'
import { deceived } from '@halligan/sdk'
import { Command } from 'commander'
import { act, type Common, type Outcome, type Run, shown } from '../command.ts'
import { type Desk, openDesk } from '../desk.ts'
import { visible } from '../display/visible.ts'
import { exitCode } from '../exit-code.ts'
import { Recomputed, readAnchorFile } from '../recompute.ts'
import { type CliRefusal, failed, usage } from '../refusal.ts'
import { verifyStoredLog } from '../stored-log.ts'

type Options = Readonly<{ anchor?: string; data?: string; trust?: string }> & Common

export const ledgerCommand = (run: Run): Command =>
  new Command('ledger').description('the log that everything stands in').addCommand(
    new Command('verify')
      .description('read every entry again and recompute the root that the log signed')
      .option('--anchor <file>', 'a checkpoint kept elsewhere, which the log must contain')
      .option('--data <folder>', "offline: a copy of a control plane's data folder")
      .option('--trust <digest>', 'offline: the roster digest that you trust')
      .action(
        act<Options>(run, async ({ anchor, data, trust }) => {
          if (data !== undefined) return verifyOffline(data, anchor, trust)
          const desk = await openDesk(run.machine)
          return desk.ok ? verify(desk.value, anchor) : desk
        }),
      ),
  )

async function verifyOffline(
  folder: string,
  anchorFile: string | undefined,
  trust: string | undefined,
): Promise<Outcome> {
  if (trust !== undefined && !isDigest(trust))
    return usage('malformed_digest', `${trust} is not a digest`, '--trust sha256:…')
  const anchor = anchorFile === undefined ? null : await readText(anchorFile)
  if (anchor === null && anchorFile !== undefined)
    return failed('no_anchor', `${anchorFile} cannot be read`)
  const verified = verifyStoredLog(nodeCrypto, { folder, anchor, trust: trust ?? null })
  if (!verified.ok) return verified
  const { head, trusted } = verified.value
  return {
    ok: true,
    value: {
      json: verified.value,
      text: `${head.origin}\n${head.size}\n${head.root}`,
      words: trusted
        ? `Verified: ${head.size} entries, past an anchor signed under the roster that you trust.`
        : 'Consistent, trusted by nobody: give --anchor FILE and --trust DIGEST.',
      code: trusted ? exitCode.ok : exitCode.usage,
    },
  }
}

/** Faults are found while downloading; the first one names its entry. */
async function verify(desk: Desk, anchorFile: string | undefined): Promise<Outcome> {
  const checkpoint = await desk.client.checkpoint()
  if (!checkpoint.ok) return checkpoint
  const rosters = await desk.client.rosters()
  if (!rosters.ok) return rosters
  const { head } = checkpoint.value
  const anchor = anchorFile === undefined ? ok(null) : await anchorOf(anchorFile)
  if (!anchor.ok) return anchor
  const log = new Recomputed(nodeCrypto)
  const read = await download(desk, log, head, anchor.value)
  if (!read.ok) return read
  if (log.root() !== head.root)
    return deceived('checkpoint_forked', 'the entries do not make the root that is signed')
  return shown(
    { ...head, verified: true, anchor: anchor.value },
    `${head.origin}\n${head.size}\n${head.root}`,
    `Verified: ${head.size} entries make the signed root, every id names its entry, and no subject has a hole.`,
  )
}

async function download(
  { client }: Desk,
  log: Recomputed,
  head: Head,
  anchor: Head | null,
): Promise<Result<null, CliRefusal>> {
  if (anchor !== null && anchor.size > head.size)
    return failed(
      'behind_anchor',
      `the log has ${head.size} entries, the anchor ${anchor.size}`,
    )
  while (log.size < head.size) {
    const after = log.size === 0 ? undefined : log.size - 1
    const query = { after, limit: Math.min(500, head.size - log.size) }
    const page = await client.call('entries', { query })
    if (!page.ok) return page
    if (page.value.items.length === 0)
      return deceived('other_entry', `entry ${log.size} is missing`)
    for (const { index, entry } of page.value.items) {
      const fault = log.add(index, entry as Entry)
      if (fault !== null) return deceived('other_entry', visible(fault))
      if (log.size === anchor?.size && log.root() !== anchor.root)
        return failed(
          'other_than_anchor',
          `the log is not the one anchored at ${anchor.size}`,
        )
      if (log.size === head.size) break
    }
  }
  return ok(null)
}

async function anchorOf(file: string): Promise<Result<Head, CliRefusal>> {
  const text = await readText(file)
  const head = text === null ? null : readAnchorFile(text)
  return head === null ? failed('no_anchor', `${file} holds no checkpoint`) : ok(head)
}

const readText = (file: string): Promise<string | null> =>
  readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== undefined) return null
    throw error
  })

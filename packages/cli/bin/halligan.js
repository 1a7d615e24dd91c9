#!/usr/bin/env node
import * as nodeModule from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { needsNode } from '@halligan/ledger/needs-node'

needsNode('halligan')

// In the person's own folder: what lies in a shared one, others could have put there.
nodeModule.enableCompileCache(
  process.env.NODE_COMPILE_CACHE ?? join(homedir(), '.cache', 'halligan'),
)
const { run } = await import('../src/run.ts')

await run()

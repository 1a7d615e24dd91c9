#!/usr/bin/env node
import * as nodeModule from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'

const oldest = 24

if (Number(process.versions.node.split('.')[0]) < oldest) {
  console.error(
    `halligan needs Node ${oldest} or later and this is ${process.version}. In a clone, \`npx halligan\` finds the right one.`,
  )
  process.exit(2)
}

// In the person's own folder: what lies in a shared one, others could have put there.
nodeModule.enableCompileCache(
  process.env.NODE_COMPILE_CACHE ?? join(homedir(), '.cache', 'halligan'),
)
const { run } = await import('../src/run.ts')

await run()

#!/usr/bin/env node
import { enableCompileCache } from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'

// In the person's own folder: what lies in a shared one, others could have put there.
enableCompileCache(process.env.NODE_COMPILE_CACHE ?? join(homedir(), '.cache', 'halligan'))
const { run } = await import('../src/run.ts')

await run()

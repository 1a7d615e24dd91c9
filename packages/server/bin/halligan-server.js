#!/usr/bin/env node
import { needsNode } from '@halligan/ledger/needs-node'

needsNode('halligan-server')

const { main } = await import('../src/main.ts')

process.exitCode = await main(process.argv.slice(2))

import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { describeAt } from './real-server.ts'

const folder = join(import.meta.dirname, '../host')

describeAt('ShellCheck', () => {
  test.each(readdirSync(folder))('finds nothing in %s', (name) => {
    const { stdout, status } = spawnSync('shellcheck', [join(folder, name)], {
      encoding: 'utf8',
    })
    expect(stdout).toBe('')
    expect(status).toBe(0)
  })
})

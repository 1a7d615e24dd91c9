import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

const reports = process.env.HALLIGAN_TEST_REPORTS

/** Real PostgreSQL, real processes, kill -9. One file at a time: some measure themselves. */
export default defineConfig({
  test: {
    include: [
      'packages/*/{src,test,bench}/**/*.heavy.test.ts',
      'scripts/**/*.heavy.test.ts',
    ],
    fileParallelism: false,
    testTimeout: 180_000,
    hookTimeout: 120_000,
    reporters:
      reports === undefined
        ? ['default']
        : ['default', ['json', { outputFile: join(reports, 'heavy.json') }]],
  },
})

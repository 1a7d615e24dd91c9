import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

const reports = process.env.HALLIGAN_TEST_REPORTS

/** The daily tests. Suites that start real targets or kill processes end in `.heavy.test.ts`. */
export default defineConfig({
  test: {
    include: [
      'packages/*/{src,test,bench}/**/*.test.ts',
      'scripts/**/*.test.ts',
      'examples/**/*.test.ts',
    ],
    exclude: ['**/node_modules/**', '**/*.heavy.test.ts'],
    // Without it one core rests: half of two, on a small machine.
    maxWorkers: '100%',
    // No test leaves anything behind, so files may share what they import: a third less work.
    isolate: false,
    // Nothing is measured here: a busy machine may take its time.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters:
      reports === undefined
        ? ['default']
        : ['default', ['json', { outputFile: join(reports, 'daily.json') }]],
  },
})

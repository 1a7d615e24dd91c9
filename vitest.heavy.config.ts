import { defineConfig } from 'vitest/config'

/** Real PostgreSQL, real processes, kill -9. One file at a time: they time themselves. */
export default defineConfig({
  test: {
    include: [
      'packages/*/{src,test,bench}/**/*.heavy.test.ts',
      'scripts/**/*.heavy.test.ts',
    ],
    fileParallelism: false,
    testTimeout: 180_000,
    hookTimeout: 120_000,
  },
})

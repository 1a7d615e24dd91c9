import { defineConfig } from 'vitest/config'

/** The daily tests. Suites that start real targets, browsers or kill processes end in `.heavy.test.ts`. */
export default defineConfig({
  test: {
    include: ['packages/*/{src,test,bench}/**/*.test.ts', 'scripts/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/*.heavy.test.ts'],
    testTimeout: 20_000,
  },
})

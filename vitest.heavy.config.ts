import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

const reports = process.env.HALLIGAN_TEST_REPORTS

const everything = [
  'packages/*/{src,test,bench}/**/*.heavy.test.ts',
  'scripts/**/*.heavy.test.ts',
]

/** These start what they need for themselves, mostly wait, and ask of nothing that it be quick. */
const besideEachOther = [
  'packages/enforcer/src/connectors/*-{account,certificate,directory,drift,evidence,failing,helper,hosts,lacks,sessions,shared,tls}.heavy.test.ts',
  'packages/enforcer/src/connectors/{ldap,linux,mariadb,openssh,postgres,redis}.heavy.test.ts',
  'packages/cli/src/estate/*.heavy.test.ts',
  'packages/server/src/store/*.heavy.test.ts',
  'scripts/**/*.heavy.test.ts',
]

/** Real servers, real processes, kill -9. What measures itself or strikes at random has the machine to itself. */
export default defineConfig({
  test: {
    testTimeout: 180_000,
    hookTimeout: 120_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'together',
          include: besideEachOther,
          maxWorkers: 3,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'alone',
          include: everything,
          exclude: ['**/node_modules/**', ...besideEachOther],
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
    ],
    reporters:
      reports === undefined
        ? ['default']
        : ['default', ['json', { outputFile: join(reports, 'heavy.json') }]],
  },
})

/** Adds up the JSON reports in a folder and prints the one closing line. Fails on a failure, or on no test at all. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const folder = process.argv[2] ?? '.'
const sum = { passed: 0, failed: 0, skipped: 0 }
for (const file of readdirSync(folder)) {
  const report = JSON.parse(readFileSync(join(folder, file), 'utf8'))
  sum.passed += report.numPassedTests ?? 0
  sum.failed += (report.numFailedTests ?? 0) + (report.numRuntimeErrorTestSuites ?? 0)
  sum.skipped += (report.numPendingTests ?? 0) + (report.numTodoTests ?? 0)
  for (const suite of report.testResults ?? [])
    if (suite.status === 'failed' && suite.assertionResults.length === 0) sum.failed += 1
}
console.log(`${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped`)
process.exitCode = sum.failed > 0 || sum.passed === 0 ? 1 : 0

/**
 * Adds up the JSON reports in a folder: names what failed and what was skipped, then prints the one closing line. Fails on a
 * failure, or on no test at all.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'

const folder = process.argv[2] ?? '.'
const sum = { passed: 0, failed: 0, skipped: 0 }
for (const file of readdirSync(folder)) {
  const report = JSON.parse(readFileSync(join(folder, file), 'utf8'))
  sum.passed += report.numPassedTests ?? 0
  sum.failed += (report.numFailedTests ?? 0) + (report.numRuntimeErrorTestSuites ?? 0)
  sum.skipped += (report.numPendingTests ?? 0) + (report.numTodoTests ?? 0)
  if (report.testResults === undefined && report.numFailedTests > 0)
    console.log(`failed: ${file}`)
  for (const suite of report.testResults ?? []) {
    const name = relative('.', suite.name)
    const failed = inState(suite, 'failed')
    for (const { fullName, failureMessages } of failed)
      console.log(`failed: ${name}: ${fullName}: ${firstLine(failureMessages?.[0])}`)
    // The file itself, or a hook around its tests.
    if (suite.status === 'failed' && failed.length === 0) {
      sum.failed += 1
      console.log(`failed: ${name}: ${firstLine(suite.message)}`)
    }
    const skipped = inState(suite, 'pending', 'skipped', 'todo').length
    if (skipped > 0) console.log(`skipped: ${skipped} of ${name}`)
  }
}
console.log(`${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped`)
process.exitCode = sum.failed > 0 || sum.passed === 0 ? 1 : 0

function inState({ assertionResults }, ...states) {
  return assertionResults.filter(({ status }) => states.includes(status))
}

function firstLine(text = '') {
  return text.split('\n', 1)[0]
}

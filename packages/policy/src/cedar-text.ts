/**
 * Bounds on Cedar text, checked before it reaches the evaluator. The evaluator recurses: text nested
 * deep enough overflows its stack, and after that trap the whole WebAssembly instance is lost (PO-10).
 *
 * @module
 */
import { type BundleProblem, lineAt } from './problem.ts'

/** Far below where cedar-wasm 4.13.0 traps: 100 brackets, 2000 operators in one policy. */
export const cedarLimits = {
  nesting: 24,
  tokensPerStatement: 600,
  statements: 200,
} as const

const token = /\/\/[^\n]*|"(?:[^"\\]|\\.)*"?|[A-Za-z_0-9]+|[^\s]/gs

/** Empty when `text` may be handed to the evaluator. */
export function boundsOf(file: string, text: string): readonly BundleProblem[] {
  let nesting = 0
  let tokens = 0
  let statements = 0
  for (const { 0: found, index } of text.matchAll(token)) {
    if (found.startsWith('//')) continue
    tokens += 1
    if ('([{'.includes(found)) nesting += 1
    if (')]}'.includes(found)) nesting = Math.max(0, nesting - 1)
    if (found === ';') {
      statements += 1
      tokens = 0
    }
    const over = overrun(nesting, tokens, statements)
    if (over !== null) return [{ file, line: lineAt(text, index), reason: over }]
  }
  return []
}

function overrun(nesting: number, tokens: number, statements: number): string | null {
  if (nesting > cedarLimits.nesting) return `nested over ${cedarLimits.nesting} deep`
  if (tokens > cedarLimits.tokensPerStatement)
    return `a statement of over ${cedarLimits.tokensPerStatement} words and signs`
  if (statements > cedarLimits.statements)
    return `over ${cedarLimits.statements} statements`
  return null
}

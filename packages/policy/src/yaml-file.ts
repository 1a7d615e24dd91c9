import { ok, type Result, refuse } from '@halligan/core'
import {
  type Document,
  isNode,
  isPair,
  isScalar,
  LineCounter,
  parseDocument,
  visit,
} from 'yaml'
import type { BundleProblem } from './problem.ts'
import type { Path, Shape } from './shape.ts'

/**
 * Reads one YAML 1.2 file (core schema: `no` is text) of one document. Refused, each with its line:
 * syntax errors and warnings, duplicate keys, anchors and aliases, tags, and whatever `shape` reports.
 */
export function readYaml<T>(
  file: string,
  source: string,
  shape: Shape<T>,
): Result<T, readonly BundleProblem[]> {
  const lines = new LineCounter()
  const problem = (offset: number, reason: string): BundleProblem => ({
    file,
    line: lines.linePos(offset).line,
    reason,
  })
  const document = parsed(source, lines)
  if (document === null) return refuse([{ file, line: 0, reason: 'nested too deeply' }])
  const problems = [...document.errors, ...document.warnings].map(({ pos, message }) =>
    problem(pos[0], message.split('\n')[0] ?? message),
  )
  visit(document, {
    Node: (_, node) => {
      const named = 'anchor' in node && node.anchor !== undefined
      const tagged = 'tag' in node && node.tag !== undefined
      if (node.range && (named || tagged || !('toJSON' in node)))
        problems.push(problem(node.range[0], 'anchors, aliases and tags are not taken'))
    },
    Alias: (_, node) => {
      problems.push(
        problem(node.range?.[0] ?? 0, 'anchors, aliases and tags are not taken'),
      )
    },
  })
  if (problems.length > 0) return refuse(problems)
  const value = shape(document.toJS({ maxAliasCount: 0 }), [], (at, reason) => {
    problems.push(problem(offsetOf(document, at), reason))
  })
  return value === undefined || problems.length > 0 ? refuse(problems) : ok(value)
}

/** The line of the key or item at each of `paths`, in a text that {@link readYaml} has taken. */
export function linesOf(source: string, paths: readonly Path[]): readonly number[] {
  const lines = new LineCounter()
  const document = parsed(source, lines)
  return paths.map((path) =>
    document === null ? 0 : lines.linePos(offsetOf(document, path)).line,
  )
}

/** Null when the text nests deeper than the parser's stack. */
function parsed(source: string, lineCounter: LineCounter): Document | null {
  try {
    return parseDocument(source, {
      version: '1.2',
      schema: 'core',
      uniqueKeys: true,
      stringKeys: true,
      merge: false,
      lineCounter,
      prettyErrors: false,
    })
  } catch (error) {
    if (error instanceof RangeError) return null
    throw error
  }
}

/** Where the key (or item) at `path` begins, or the nearest thing around it. */
function offsetOf(document: Document, path: Path): number {
  for (let length = path.length; length > 0; length -= 1) {
    const parent = document.getIn(path.slice(0, length - 1), true)
    const items = isNode(parent) && 'items' in parent ? parent.items : []
    const key = path[length - 1]
    const item =
      typeof key === 'number' ? items[key] : items.find((pair) => isKey(pair, key))
    const node = isPair(item) ? item.key : item
    if (isNode(node) && node.range) return node.range[0]
  }
  return 0
}

const isKey = (pair: unknown, key: string | undefined): boolean =>
  isPair(pair) && isScalar(pair.key) && String(pair.key.value) === key

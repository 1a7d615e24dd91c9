import { createHash } from 'node:crypto'

/** What really happened in one simulation: nothing is proven by a fault that never came or a step that nobody reached. */
export type Tally = Readonly<{
  /** Something that has to happen sometimes, such as `fault: crash of the server`. */
  happened(what: string, times?: number): void
  counts: ReadonlyMap<string, number>
  checked(invariant: number): void
  checks: ReadonlyMap<number, number>
  /** One more line of the history, which two runs of one seed have in common. */
  tell(line: string): void
  /** The digest of all lines so far. */
  digest(): string
  /** The last lines. */
  tail(): readonly string[]
}>

const keptLines = 40

/** `show` sees every line as it is told. */
export function createTally(show: (line: string) => void = () => {}): Tally {
  const counts = new Map<string, number>()
  const checks = new Map<number, number>()
  const history = createHash('sha256')
  const lines: string[] = []
  return {
    counts,
    checks,
    happened(what, times = 1) {
      counts.set(what, (counts.get(what) ?? 0) + times)
    },
    checked(invariant) {
      checks.set(invariant, (checks.get(invariant) ?? 0) + 1)
    },
    tell(line) {
      history.update(`${line}\n`)
      if (lines.push(line) > keptLines) lines.shift()
      show(line)
    },
    digest: () => history.copy().digest('hex'),
    tail: () => lines,
  }
}

/** A sentence of THREATS that was not true for a moment. */
export class Violation extends Error {
  override readonly name = 'Violation'
  readonly invariant: number

  constructor(invariant: number, detail: string) {
    super(`INV-${invariant}: ${detail}`)
    this.invariant = invariant
  }
}

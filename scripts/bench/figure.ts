/** One line of `npm run bench`: a figure and, from the same run on the same machine, what it is measured against. */
export type Figure = Readonly<{
  bench: string
  unit: '1/s' | 'ms' | 'us' | 'MiB'
  value: number
  baseline: Readonly<{ of: string; value: number }>
  /** `value / baseline.value`. */
  ratio: number
  /** What was done to get it: counts, sizes, other percentiles. */
  detail: Readonly<Record<string, string | number | boolean>>
}>

export const figure = (
  bench: string,
  unit: Figure['unit'],
  value: number,
  baseline: Figure['baseline'],
  detail: Figure['detail'] = {},
): Figure => ({
  bench,
  unit,
  value: rounded(value),
  baseline: { ...baseline, value: rounded(baseline.value) },
  ratio: rounded(value / baseline.value),
  detail,
})

/** Three digits say all that a benchmark knows. */
const rounded = (value: number): number => Number(value.toPrecision(3))

/** Nearest rank. Throws for no values. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((one, other) => one - other)
  const found = sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)]
  if (found === undefined) throw new Error('a quantile of nothing')
  return found
}

export const median = (values: readonly number[]): number => quantile(values, 0.5)

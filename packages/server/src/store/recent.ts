/** Values by key that no table has yet, and how to take the latest of them back. */
export interface Recent<V> {
  get(key: string): V | undefined
  /** `index` never falls, except by {@link rewind}. */
  set(key: string, value: V, index: number): void
  /** Takes back what was set at `size` and above, since {@link settle} was last called. */
  rewind(size: number): void
  /** What was set until now stands. */
  settle(): void
  /** Sorted by key, which is how a B-tree takes them fastest. */
  sorted(): readonly (readonly [string, V])[]
  clear(): void
}

export function createRecent<V>(): Recent<V> {
  const values = new Map<string, V>()
  let undo: { key: string; before: V | undefined; index: number }[] = []

  function takeBack(key: string, before: V | undefined): void {
    if (before === undefined) values.delete(key)
    else values.set(key, before)
  }

  return {
    get: (key) => values.get(key),
    set(key, value, index) {
      undo.push({ key, before: values.get(key), index })
      values.set(key, value)
    },
    rewind(size) {
      for (let last = undo.at(-1); last !== undefined && last.index >= size; ) {
        takeBack(last.key, last.before)
        undo.pop()
        last = undo.at(-1)
      }
    },
    settle() {
      undo = []
    },
    sorted: () => [...values].sort(([a], [b]) => (a < b ? -1 : 1)),
    clear: () => values.clear(),
  }
}

/** `write` does the work, and answers what tells the caller of it once it is durable. */
type Waiting = Readonly<{ write(): () => void; fail(error: unknown): void }>

/**
 * Writes that are asked for in one turn of the event loop, as one transaction: the disk is waited for once, and nobody is
 * told before. Should one throw, none of them has happened, and all are told that.
 */
export function writingTogether(
  atomically: <T>(work: () => T) => T,
): <T>(work: () => T) => Promise<T> {
  let waiting: Waiting[] = []
  const flush = () => {
    const all = waiting
    waiting = []
    try {
      for (const tell of atomically(() => all.map(({ write }) => write()))) tell()
    } catch (error) {
      for (const { fail } of all) fail(error)
    }
  }
  return (work) =>
    new Promise((resolve, fail) => {
      const write = () => {
        const value = work()
        return () => resolve(value)
      }
      if (waiting.push({ write, fail }) === 1) queueMicrotask(flush)
    })
}

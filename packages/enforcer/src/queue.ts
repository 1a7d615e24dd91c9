/** First in, first out, at the same small cost for each of a hundred thousand: `Array.shift` moves all the others. */
export type Queue<T> = Readonly<{
  push(item: T): void
  /** Undefined when it is empty. */
  shift(): T | undefined
}>

/** From here on what has left is cut off, once it is half of all: seldom enough to cost nothing. */
const mostLeft = 1000

export function createQueue<T>(): Queue<T> {
  let items: T[] = []
  let next = 0
  return {
    push: (item) => void items.push(item),
    shift() {
      const item = items[next]
      if (next < items.length) next++
      if (next >= mostLeft && next * 2 >= items.length) {
        items = items.slice(next)
        next = 0
      }
      return item
    },
  }
}

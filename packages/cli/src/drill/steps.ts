export type Step = Readonly<{
  name: string
  /** Of this step alone. */
  millis: number
  held: boolean
  detail: string
}>

/** Runs steps one after the other and tells each as it ends. The first that does not hold stops the rest. */
export class Steps {
  readonly #now: () => number
  readonly #tell: (step: Step, elapsedMillis: number) => void
  readonly #done: Step[] = []
  readonly #start: number

  constructor(now: () => number, tell: (step: Step, elapsedMillis: number) => void) {
    this.#now = now
    this.#tell = tell
    this.#start = now()
  }

  get done(): readonly Step[] {
    return this.#done
  }

  get held(): boolean {
    return this.#done.length > 0 && this.#done.every(({ held }) => held)
  }

  /** `work` answers what there is to say, or throws {@link NotHeld} (or anything) when the step does not hold. */
  async step<T>(
    name: string,
    work: () => Promise<Readonly<{ value: T; detail: string }>>,
  ): Promise<T> {
    const began = this.#now()
    const add = (held: boolean, detail: string) => {
      const step = { name, millis: this.#now() - began, held, detail }
      this.#done.push(step)
      this.#tell(step, this.#now() - this.#start)
    }
    try {
      const { value, detail } = await work()
      add(true, detail)
      return value
    } catch (error) {
      add(false, error instanceof Error ? error.message : String(error))
      throw error
    }
  }
}

/** What a step promised did not come true. */
export class NotHeld extends Error {
  override readonly name = 'NotHeld'
}

export function demand(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new NotHeld(otherwise)
}

export const held = <T>(value: T, detail: string) => ({ value, detail })

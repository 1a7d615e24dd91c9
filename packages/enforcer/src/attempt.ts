/** Where a try left its work. `again` asks for another one, later, and says why. */
export type Attempt = Readonly<{ kind: 'done' } | { kind: 'again'; why: string }>

export const done: Attempt = { kind: 'done' }
export const again = (why: string): Attempt => ({ kind: 'again', why })

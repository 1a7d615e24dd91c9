/** What is wrong with a bundle, and where. `line` counts from 1; 0 stands for the file as a whole. */
export type BundleProblem = Readonly<{ file: string; line: number; reason: string }>

/** The line of the character at `offset`. */
export const lineAt = (text: string, offset: number): number =>
  text.slice(0, offset).split('\n').length

/** The line of the UTF-8 byte at `offset`, as Cedar counts. */
export function lineAtByte(text: string, offset: number): number {
  const before = new TextEncoder().encode(text).subarray(0, offset)
  return before.reduce((line, byte) => (byte === 0x0a ? line + 1 : line), 1)
}

/** As many bytes of text as one blob is given, and as many blobs as one grant's evidence may have. */
export const maxPartBytes = 7500
export const maxParts = 32

/**
 * `text` in parts of at most 7,500 bytes, broken at lines where that is possible and never inside a character. `cut` when
 * there was more than 32 of them hold. Linear in the text: a grantee decides how long it is.
 */
export function partsOf(
  text: string,
): Readonly<{ parts: readonly string[]; cut: boolean }> {
  const bytes = new TextEncoder().encode(text.toWellFormed())
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  const parts: string[] = []
  let from = 0
  while (from < bytes.length && parts.length < maxParts) {
    const to = endOfPart(bytes, from)
    parts.push(decoder.decode(bytes.subarray(from, to)))
    from = to
  }
  return { parts, cut: from < bytes.length }
}

const lineFeed = 10

function endOfPart(bytes: Uint8Array, from: number): number {
  const most = from + maxPartBytes
  if (most >= bytes.length) return bytes.length
  const line = bytes.subarray(from, most).lastIndexOf(lineFeed)
  if (line > 0) return from + line + 1
  let end = most
  // 10xxxxxx is inside a character.
  while (((bytes[end] ?? 0) & 0b1100_0000) === 0b1000_0000) end -= 1
  return end
}

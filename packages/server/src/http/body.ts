import { ok, type Result, refuse } from '@halligan/core'

export const bodyLimit = 64 * 1024

export type BodyReadRefusal = Readonly<
  { code: 'too_large'; limit: number } | { code: 'unsupported_media_type' }
>

/** The bytes of a JSON body, read no further than the limit: what is too large is never parsed (RQ-01). */
export async function readBody(
  request: Request,
): Promise<Result<Uint8Array, BodyReadRefusal>> {
  const type = request.headers.get('content-type') ?? ''
  if (!/^application\/json\s*(?:;\s*charset=utf-8)?$/i.test(type))
    return refuse({ code: 'unsupported_media_type' })
  if (Number(request.headers.get('content-length') ?? 0) > bodyLimit) return tooLarge
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of request.body ?? []) {
    length += chunk.length
    if (length > bodyLimit) return tooLarge
    chunks.push(chunk)
  }
  return ok(Buffer.concat(chunks, length))
}

const tooLarge = refuse({ code: 'too_large', limit: bodyLimit } as const)

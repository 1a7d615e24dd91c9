import { ok, type Result, refuse } from '@halligan/core'

export type BodyReadRefusal = Readonly<
  { code: 'too_large'; limit: number } | { code: 'unsupported_media_type' }
>

/** The bytes of a JSON body, read no further than `limit`: what is too large is never parsed (RQ-01). */
export async function readBody(
  request: Request,
  limit: number,
): Promise<Result<Uint8Array, BodyReadRefusal>> {
  const type = request.headers.get('content-type') ?? ''
  if (!/^application\/json\s*(?:;\s*charset=utf-8)?$/i.test(type))
    return refuse({ code: 'unsupported_media_type' })
  if (Number(request.headers.get('content-length') ?? 0) > limit)
    return refuse({ code: 'too_large', limit })
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of request.body ?? []) {
    length += chunk.length
    if (length > limit) return refuse({ code: 'too_large', limit })
    chunks.push(chunk)
  }
  return ok(Buffer.concat(chunks, length))
}

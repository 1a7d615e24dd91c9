import type { Notice } from '../store/port.ts'

/** What leaves the house, the same on every route: ids and enums, and no text of anybody's. */
export const bodyOf = ({ id, kind, at, grant, payload }: Notice): string =>
  JSON.stringify({
    type: `halligan.${kind}`,
    timestamp: new Date(at).toISOString(),
    data: { notice: id, grant, ...payload },
  })

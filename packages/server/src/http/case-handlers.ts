import { refuse } from '@halligan/core'
import type { Handlers } from './handler.ts'
import { grantNamed, type ReadDeps } from './read-handlers.ts'

export const caseHandlers = (deps: ReadDeps): Pick<Handlers, 'case_file'> => ({
  case_file: async ({ params }) => {
    const grant = grantNamed(deps.view(), params.grant)
    if (!grant.ok) return grant
    return refuse({ code: 'not_found' })
  },
})

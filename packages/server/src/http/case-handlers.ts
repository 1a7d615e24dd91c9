import { buildCase } from '../usecases/build-case.ts'
import type { Handlers } from './handler.ts'
import { grantNamed, type ReadDeps } from './read-handlers.ts'

/** Whoever may read a grant may take its proof away. The bytes are canonical and sent as they are. */
export const caseHandlers = (deps: ReadDeps): Pick<Handlers, 'case_file'> => ({
  case_file: async ({ params }) => {
    const grant = grantNamed(deps.view(), params.grant)
    return grant.ok ? buildCase(deps, deps.log, grant.value.id) : grant
  },
})

import type { GrantId } from '@halligan/core'
import { AndFilter, type Entry, EqualityFilter, OrFilter } from 'ldapts'
import { dnOfGrant } from './ldap-dn.ts'
import type { Site } from './ldap-groups.ts'
import { onSession, search, valuesOf } from './ldap-session.ts'
import type { SessionEvidence } from './port.ts'

const bytesAtMost = 7_000
const shown = [
  'reqStart',
  'reqType',
  'reqDN',
  'reqResult',
  'reqMod',
  'reqFilter',
  'reqNewRDN',
]
const secretAttributes = /^(userPassword|authPassword|krbPrincipalKey|sambaNTPassword):/i

/**
 * The operations that were done as the grant's own entry, and its binds, as the access log overlay kept them. Never complete where the
 * overlay keeps writes only, where not all fits, or where nothing was kept of a bind that must have been.
 */
export async function readEvidence(
  site: Site,
  grant: GrantId,
): Promise<SessionEvidence | null> {
  const { evidence, container } = site.settings
  if (evidence === null || container === null) return null
  const dn = dnOfGrant(grant, container)
  const is = (attribute: string, value: string) => new EqualityFilter({ attribute, value })
  // A bind is done as nobody yet: its own DN says whose it is.
  const itsBinds = new AndFilter({ filters: [is('reqType', 'bind'), is('reqDN', dn)] })
  const filter = new OrFilter({ filters: [is('reqAuthzID', dn), itsBinds] })
  const entries = await onSession(site.probe, (session) =>
    search(session, evidence.accesslog, {
      scope: 'sub',
      filter,
      attributes: shown,
    }),
  )
  const lines = entries.map(lineOf).toSorted()
  const fitting = fit(lines)
  const cut = fitting.length < lines.length
  const text = cut
    ? [...fitting, `and ${lines.length - fitting.length} more`].join('\n')
    : lines.join('\n')
  const logsBinds = entries.some((entry) => valuesOf(entry, 'reqType')[0] === 'bind')
  return {
    what: `operations of ${dn}`,
    text,
    complete: evidence.logs === 'all' && !cut && logsBinds,
  }
}

/** One line per operation, whatever its values hold; new secrets are named, not told. */
function lineOf(entry: Entry): string {
  return shown
    .flatMap((attribute) => valuesOf(entry, attribute))
    .map((text) => {
      const [secret] = secretAttributes.exec(text) ?? []
      return JSON.stringify(secret === undefined ? text : `${secret} …`).slice(1, -1)
    })
    .join(' ')
}

function fit(lines: readonly string[]): readonly string[] {
  let length = 0
  return lines.filter((line) => {
    length += Buffer.byteLength(line) + 1
    return length <= bytesAtMost
  })
}

import type { Estate } from './estate.ts'
import type { Path, Report, Shape } from './shape.ts'

/**
 * Which drift wakes somebody and which can wait for the morning, by the name that an enforcer gives to it. A name that ends
 * in `*` stands for all that begin so. Each drift is an entry of the ledger whatever is said here.
 */
export type DriftPolicy = Readonly<{ page: readonly string[]; tell: readonly string[] }>

export type Urgency = 'page' | 'tell'

/**
 * What takes something away from a grantee, is good news, or is a report that came too late. And what is damaged at the enforcer and
 * keeps no access from its end: an upgrade that reads no older notes would page once for each grant. Nor does anybody get up for what
 * the next opening would fail for, as somebody's account that is gone: an enforcer that cannot work at all is `connector_unready`.
 */
const canWait: DriftPolicy = {
  page: [],
  tell: [
    'missing',
    'unlisted',
    'note_unreadable',
    'vault_unreadable',
    'connector_lacks',
    'connector_ready',
    'unexplained_ending',
    'unexplained_absent',
    'unexplained_cleaned',
    'unexplained_refused',
    'unexplained_struggling',
    'unexplained_witnessed',
  ],
}

/** An exact name decides before a pattern, a longer pattern before a shorter; what nobody knows pages. */
export function driftUrgency({ drift }: Pick<Estate, 'drift'>, what: string): Urgency {
  return (drift && decided(drift, what)) ?? decided(canWait, what) ?? 'page'
}

function decided({ page, tell }: DriftPolicy, what: string): Urgency | null {
  const fitting = [
    ...page.map((name) => ({ name, urgency: 'page' }) as const),
    ...tell.map((name) => ({ name, urgency: 'tell' }) as const),
  ].filter(({ name }) => fits(name, what))
  const [best] = fitting.toSorted((one, other) => rank(other.name) - rank(one.name))
  return best?.urgency ?? null
}

const fits = (name: string, what: string): boolean =>
  name.endsWith('*') ? what.startsWith(name.slice(0, -1)) : name === what

const rank = (name: string): number => (name.endsWith('*') ? name.length : Infinity)

export const driftName: Shape<string> = (value, at, report) => {
  if (typeof value === 'string' && /^[a-z][a-z0-9_]{0,62}\*?$/.test(value)) return value
  report(at, 'the name of a drift is expected, like foreign_login or foreign_*')
  return undefined
}

/** A name on both lists says nothing. */
export function checkDrift(drift: DriftPolicy | undefined, report: Report): void {
  const at: Path = ['drift', 'tell']
  for (const [index, name] of (drift?.tell ?? []).entries())
    if (drift?.page.includes(name)) report([...at, index], `${name} also pages`)
}

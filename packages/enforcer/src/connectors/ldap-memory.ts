import { Attribute, Change } from 'ldapts'
import { dnKey } from './ldap-dn.ts'
import { readEntry, resultCodes, type Session, unless, valuesOf } from './ldap-session.ts'
import type { LdapSettings } from './ldap-settings.ts'

/** On the lock entry, so that it outlives the enforcer: `[group, account]`. */
const memoryAttribute = 'ou'

/** So that a membership which comes back after its ending is told as such (EN-16). */
export async function rememberEnded(
  { lock }: LdapSettings,
  { client }: Session,
  group: string,
  account: string,
): Promise<void> {
  const values = [JSON.stringify([group, dnKey(account)])]
  const modification = new Attribute({ type: memoryAttribute, values })
  const { attributeOrValueExists, noSuchObject } = resultCodes
  await client
    .modify(lock, new Change({ operation: 'add', modification }))
    .catch(unless(attributeOrValueExists, noSuchObject))
}

export type Ended = Readonly<{ group: string; account: string }>

export async function endedBefore(
  { lock }: LdapSettings,
  session: Session,
): Promise<readonly Ended[]> {
  const entry = await readEntry(session, lock, [memoryAttribute])
  const texts = entry === null ? [] : valuesOf(entry, memoryAttribute)
  return texts.map((text) => {
    const [group = '', account = ''] = JSON.parse(text) as readonly string[]
    return { group, account }
  })
}

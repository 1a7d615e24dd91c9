import type { GrantId, Instant, PrincipalId } from '@halligan/core'
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest'
import type { Applied, Connector, Credential, Opening } from '../src/connectors/port.ts'
import { type EnforcerBooks, enforcerBooks } from './enforcer-books.ts'
import { freshGrant } from './fresh-grant.ts'
import { labTarget, type OpensshLab, openOpensshLab } from './openssh-lab.ts'

/** Mallory with a grant, and the connector that is to end it. A new grant for every test. */
export type OpensshGrantee = {
  lab: OpensshLab
  connector: Connector
  books: EnforcerBooks
  grant: GrantId
}

/** Registers the hooks of the surrounding `describe`; what it answers is filled before each test. */
export function opensshGrantee() {
  // Filled by beforeAll and beforeEach, before any test can read it.
  const at = {} as OpensshGrantee
  beforeAll(async () => {
    at.lab = await openOpensshLab()
  })
  afterAll(() => at.lab.remove())
  beforeEach(async () => {
    at.grant = freshGrant()
    at.books = enforcerBooks()
    at.connector = at.lab.connector(at.books)
    await at.connector.open()
  })
  afterEach(() => at.connector.close())

  const opening = (privilege: string): Opening => {
    const now = Date.now()
    return {
      grant: at.grant,
      target: labTarget,
      requester: 'mallory' as PrincipalId,
      privileges: [privilege],
      overlapKey: privilege,
      applyBefore: (now + 60_000) as Instant,
      deadline: (now + 900_000) as Instant,
    }
  }
  const apply = async (privilege: string): Promise<Applied> => {
    const wanted = opening(privilege)
    at.books.keep({ ...wanted, phase: 'standing' })
    return at.connector.apply(wanted)
  }
  const open = async (privilege = 'login:deploy'): Promise<Credential> => {
    const applied = await apply(privilege)
    if (applied.kind !== 'applied') throw new Error(applied.kind)
    return applied.credential
  }
  const end = () => at.connector.end(at.grant, labTarget)
  /** The names of the probes that do not show absence. */
  const present = async (): Promise<string[]> => {
    const probes = await at.connector.probeAbsent(at.grant, labTarget)
    return probes.filter(({ absent }) => !absent).map(({ probe }) => probe)
  }
  const cleanup = () => at.connector.cleanup(at.grant, labTarget)
  return { at, opening, apply, open, end, present, cleanup }
}

/** How long until `isSo`, in milliseconds; throws after ten seconds. */
export async function millisUntil(isSo: () => boolean | Promise<boolean>): Promise<number> {
  const from = performance.now()
  while (!(await isSo())) {
    if (performance.now() - from > 10_000) throw new Error('it did not become so')
    await new Promise((done) => setTimeout(done, 5))
  }
  return performance.now() - from
}

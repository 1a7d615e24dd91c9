/** One lab a file, one connector and one ada a test. @module */
import type { GrantId, Instant, PrincipalId, ProbeResult } from '@halligan/core'
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest'
import type { Applied, Connector, Opening } from '../src/connectors/port.ts'
import { type EnforcerBooks, enforcerBooks } from './enforcer-books.ts'
import { freshGrant } from './fresh-grant.ts'
import { type LinuxLab, labTarget, openLinuxLab } from './linux-lab.ts'

export type Asked = Readonly<{
  grant?: GrantId
  requester?: 'ada' | 'bob'
  secondsLeft?: number
  secondsToApply?: number
}>

export function onLinuxHost() {
  const at = {} as { lab: LinuxLab; connector: Connector; books: EnforcerBooks }
  beforeAll(async () => {
    at.lab = await openLinuxLab()
  })
  beforeEach(async () => {
    at.books = enforcerBooks()
    at.connector = at.lab.connector(at.books)
    await at.connector.open()
  })
  afterEach(async () => {
    for (const { grant } of at.books.held(labTarget)) {
      at.books.become(grant, 'ending')
      await at.connector.end(grant, labTarget)
      await at.connector.cleanup(grant, labTarget)
    }
    await at.connector.close()
    await at.lab.sh('pkill -9 -u ada-adm || true; pkill -9 -x sleep || true')
  })
  afterAll(() => at.lab.remove())

  const tryToApply = async (
    privileges: readonly string[],
    { grant = freshGrant(), requester = 'ada', ...times }: Asked = {},
  ): Promise<Readonly<{ grant: GrantId; applied: Applied }>> => {
    const opening: Opening = {
      grant,
      target: labTarget,
      requester: requester as PrincipalId,
      privileges,
      overlapKey: labTarget,
      applyBefore: (Date.now() + (times.secondsToApply ?? 60) * 1000) as Instant,
      deadline: (Date.now() + (times.secondsLeft ?? 900) * 1000) as Instant,
    }
    at.books.keep({ ...opening, phase: 'standing' })
    return { grant, applied: await at.connector.apply(opening) }
  }
  return {
    at,
    tryToApply,
    opened: async (privilege: string, asked: Asked = {}): Promise<GrantId> =>
      (await tryToApply([privilege], asked)).grant,
    end: (grant: GrantId) => {
      at.books.become(grant, 'ending')
      return at.connector.end(grant, labTarget)
    },
    /** Names of the readings that still show the access. */
    present: async (grant: GrantId): Promise<readonly string[]> =>
      namesOf(await at.connector.probeAbsent(grant, labTarget)),
    cleanup: async (grant: GrantId) => {
      at.books.become(grant, 'closing')
      at.books.shelf.drop(grant, labTarget)
      await at.connector.cleanup(grant, labTarget)
      at.books.forget(grant)
    },
  }
}

const namesOf = (probes: readonly ProbeResult[]): readonly string[] =>
  probes.filter(({ absent }) => !absent).map(({ probe }) => probe)

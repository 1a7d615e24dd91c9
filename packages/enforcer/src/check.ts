import { existsSync, statSync } from 'node:fs'
import type { GrantId, Guard, Instant, PrincipalId } from '@halligan/core'
import { askTarget } from './ask-target.ts'
import { rosterFinding } from './check-roster.ts'
import { makeConnectors } from './compose.ts'
import {
  type Config,
  isEnrolled,
  type Keys,
  pathsIn,
  readConfig,
  readGuard,
  readKeys,
} from './config.ts'
import type { Connector } from './connectors/port.ts'
import type { ConnectorPorts } from './connectors/registry.ts'

import { hostClock, hostScheduler } from './node-ports.ts'
import { checkVault } from './store/vault.ts'

/** One thing that was looked at. `warn` is for people; only `fail` keeps the enforcer from its work. */
export type Finding = Readonly<{
  what: string
  state: 'ok' | 'warn' | 'fail'
  detail: string
}>

const finding = (what: string, state: Finding['state'], detail: string): Finding => ({
  what,
  state,
  detail,
})

/** Everything an operator can put right before the night it is needed. Changes nothing, here or at any target. */
export async function check(dir: string): Promise<readonly Finding[]> {
  const config = attempt('config', () => readConfig(dir))
  const keys = attempt('key', () => readKeys(dir))
  const { value } = config
  const guard = value === null ? null : attempt('guard', () => readGuard(dir, value))
  return [
    folder(dir),
    config.finding,
    keys.finding,
    ...(guard === null ? [] : [guard.finding]),
    ...(await trust(config.value, keys.value)),
    ...(guard?.value ? soloRoutes(guard.value) : []),
    ...clocks(),
    attempt('vault', () => checkVault(pathsIn(dir).vault)).finding,
    ...(config.value === null ? [] : await targets(config.value, guard?.value ?? null)),
  ]
}

type Attempted<T> = Readonly<{ value: T | null; finding: Finding }>

function attempt<T>(what: string, read: () => T): Attempted<T> {
  try {
    return { value: read(), finding: finding(what, 'ok', 'readable and well-formed') }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return { value: null, finding: finding(what, 'fail', reason) }
  }
}

function folder(dir: string): Finding {
  if (!existsSync(dir)) return finding('folder', 'fail', `${dir} is missing`)
  return (statSync(dir).mode & 0o077) === 0
    ? finding('folder', 'ok', 'its owner alone can open it')
    : finding('folder', 'fail', `${dir} can be opened by others: it must have mode 0700`)
}

async function trust(
  config: Config | null,
  keys: Keys | null,
): Promise<readonly Finding[]> {
  if (config === null) return []
  if (!isEnrolled(config))
    return [finding('trust', 'fail', 'enroll --trust DIGEST --server URL has not been run')]
  const pinned = finding('trust', 'ok', `${config.estate} by ${config.rosterDigest}`)
  return keys === null ? [pinned] : [pinned, await rosterFinding(config, keys)]
}

/** Where one person can open a door alone, whoever reads this should know. */
const soloRoutes = ({ targets: guarded }: Guard): readonly Finding[] =>
  Object.entries(guarded)
    .filter(([, { routes }]) => routes.solo !== undefined)
    .map(([target]) => finding(`guard ${target}`, 'warn', 'the solo route is open here'))

function clocks(): readonly Finding[] {
  const { synchronised } = hostClock().read()
  return [
    synchronised
      ? finding('clock', 'ok', 'disciplined by a time source')
      : finding('clock', 'warn', 'no sign of a time source: access ends at every reboot'),
    existsSync('/proc/sys/kernel/random/boot_id')
      ? finding('boot', 'ok', 'the host names its boots')
      : finding('boot', 'warn', 'no boot id: access ends at every restart'),
  ]
}

const host = { scheduler: hostScheduler }

async function targets(config: Config, guard: Guard | null): Promise<readonly Finding[]> {
  const all = attempt('connectors', () => makeConnectors(config, noPorts))
  if (all.value === null) return [all.finding]
  const found = await Promise.all(
    [...all.value].map(async ([target, connector]) => [
      ...meaningless(target, connector, guard?.targets[target]?.privileges ?? []),
      ...(await lookAt(target, connector, guard?.targets[target]?.privileges ?? [])),
    ]),
  )
  return found.flat()
}

/** A privilege that the guard allows and that the connector does not know opens nothing on the night. */
function meaningless(
  target: string,
  connector: Connector,
  privileges: readonly string[],
): readonly Finding[] {
  const asked = { grant: nobodys, target, requester: 'nobody' as PrincipalId }
  const never = { overlapKey: target, applyBefore: 0 as Instant, deadline: 0 as Instant }
  return privileges
    .filter((privilege) => {
      const opening = { ...asked, ...never, privileges: [privilege] }
      return connector.refuses?.(opening) === 'unknown_privilege'
    })
    .map((privilege) =>
      finding(
        `guard ${target}`,
        'fail',
        `${privilege} means nothing here: it is in no setting of the connector`,
      ),
    )
}

const nobodys = `g-${'a'.repeat(26)}` as GrantId

async function lookAt(
  target: string,
  connector: Connector,
  privileges: readonly string[],
): Promise<readonly Finding[]> {
  const standing = await askTarget(host, () => connector.standing(target))
  if (!standing.ok) return [finding(`target ${target}`, 'fail', standing.error.reason)]
  const reached = `reachable; ${standing.value.length} logins stand`
  const excess = await askTarget(host, async () => (await connector.excess?.(target)) ?? [])
  const lacks = await askTarget(
    host,
    async () => (await connector.lacks?.(target, privileges)) ?? [],
  )
  const what = `privileges ${target}`
  return [
    finding(`target ${target}`, 'ok', reached),
    ...(lacks.ok ? lacks.value : [lacks.error.reason]).map((words) =>
      finding(`settings ${target}`, 'fail', words),
    ),
    ...(excess.ok ? [] : [finding(what, 'fail', excess.error.reason)]),
    ...(excess.ok ? excess.value : []).map(({ grave, words }) =>
      finding(what, grave ? 'fail' : 'warn', words),
    ),
  ]
}

/** A check asks for no secret and keeps none; it runs beside an enforcer that holds the books. */
const noPorts: ConnectorPorts = {
  clock: hostClock(),
  shelf: { put: () => {}, get: () => null, drop: () => {} },
  vault: {
    secrets: async () => ({ current: null, proposed: null, earlier: [], unreadable: [] }),
    propose: async () => {},
    confirm: async () => {},
    withdraw: async () => {},
  },
  held: () => [],
}

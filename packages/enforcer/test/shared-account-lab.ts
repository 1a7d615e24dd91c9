import { spawn } from 'node:child_process'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type GrantId, type Instant, isShown, type PrincipalId } from '@halligan/core'
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest'
import type { Connector, Credential, Opening } from '../src/connectors/port.ts'
import { type ConnectorSettings, connectors } from '../src/connectors/registry.ts'
import type { Vault } from '../src/store/port.ts'
import { openVault } from '../src/store/vault.ts'
import type { GranteeSession } from './connector-case.ts'
import { type EnforcerBooks, enforcerBooks } from './enforcer-books.ts'
import { freshGrant } from './fresh-grant.ts'

/** A real target with one shared account, which it lists in its settings and which anybody may be inside at first. */
export type SharedAccountHarness = Readonly<{
  /** As in config.json: of them connectors are made, here and in processes that are killed. */
  settings: ConnectorSettings & Readonly<{ target: string }>
  account: string
  /** A privilege here that names no account. */
  ownPrivilege: string
  now(): Promise<Instant>
  /** How one logs in to the account with this secret. */
  credential(secret: string): Credential
  /** Throws when the target does not let the credential in. */
  enter(credential: Credential): Promise<GranteeSession>
  /** The account's owner gives it this secret. */
  setByHand(secret: string): Promise<void>
  /** The connector cannot try what opens the account: of a proposal that a crash left it knows nothing. */
  triesNoSecret?: true
  /** What somebody inside, or the owner, does so that the answered secrets open the account later; if anything can be. */
  plantWaysBack?(credential: Credential): Promise<readonly string[]>
}>

/** The account, sealed at the start of each test, and what an enforcer has in hand about it. */
export type SharedAccountLab = {
  harness: SharedAccountHarness
  vault: Vault
  books: EnforcerBooks
  connector: Connector
}

/** Registers the hooks of the surrounding `describe`; what it answers as `at` is filled before each test. */
export function sharedAccountLab(harnessed: () => SharedAccountHarness) {
  // Filled by beforeAll and beforeEach, before any test can read it.
  const at = {} as SharedAccountLab
  let folder: string
  beforeAll(async () => {
    at.harness = harnessed()
    folder = await mkdtemp(join(tmpdir(), 'halligan-vault-'))
    at.vault = openVault(folder)
  })
  afterAll(() => rm(folder, { recursive: true }))
  beforeEach(async () => {
    at.books = enforcerBooks()
    at.connector = made(at.vault)
    await at.connector.open()
    await seal()
  })
  afterEach(() => at.connector.close())

  const made = (vault: Vault): Connector => {
    const make = connectors[at.harness.settings.kind]
    if (make === undefined) throw new Error(`no connector ${at.harness.settings.kind}`)
    return make(at.harness.settings, { ...at.books, vault })
  }
  const target = () => at.harness.settings.target
  const privilege = () => `account:${at.harness.account}`
  const rotate = async () => (await at.connector.rotate?.(at.harness.account)) ?? []
  const seal = async () =>
    expect(isShown({ kind: 'rotated', probes: await rotate() })).toBe(true)
  const secrets = () => at.vault.secrets(target(), at.harness.account)
  const ageFiles = async () =>
    (await readdir(folder))
      .filter((name) => name.includes('.age'))
      .map((name) => join(folder, name))
  /** Nothing opens what the vault has any more. */
  const damageVault = async () => {
    for (const file of await ageFiles()) await writeFile(file, 'damaged')
  }
  const emptyVault = async () => {
    for (const file of await ageFiles()) await rm(file)
  }
  const sealed = async (): Promise<Credential> =>
    at.harness.credential((await secrets()).current ?? 'none')
  const opens = (credential: Credential): Promise<boolean> =>
    at.harness.enter(credential).then(
      (session) => session.leave().then(() => true),
      () => false,
    )

  const opening = async (
    grant: GrantId,
    requester = 'ada',
    secondsToApply = 60,
  ): Promise<Opening> => {
    const now = await at.harness.now()
    return {
      ...{ grant, target: target(), requester: requester as PrincipalId },
      ...{ privileges: [privilege()], overlapKey: `${target()}/${privilege()}` },
      applyBefore: (now + secondsToApply * 1000) as Instant,
      deadline: (now + 900_000) as Instant,
    }
  }
  const accepted = async (grant: GrantId) =>
    at.books.keep({ ...(await opening(grant)), phase: 'standing' })
  const checkOut = async (grant: GrantId): Promise<Credential> => {
    await accepted(grant)
    const applied = await at.connector.apply(await opening(grant))
    if (applied.kind !== 'applied') throw new Error(applied.kind)
    return applied.credential
  }
  const end = (grant: GrantId) => {
    at.books.become(grant, 'ending')
    return at.connector.end(grant, target())
  }
  /** The names of the probes that do not show absence. */
  const present = async (grant: GrantId): Promise<readonly string[]> => {
    const probes = await at.connector.probeAbsent(grant, target())
    expect(probes.length).toBeGreaterThan(0)
    return probes.filter(({ absent }) => !absent).map(({ probe }) => probe)
  }
  const proveAbsent = async (...grants: readonly GrantId[]) => {
    for (const grant of grants) {
      expect(await present(grant)).toEqual([])
      at.books.become(grant, 'closing')
    }
  }
  const cleanUp = async (...grants: readonly GrantId[]) => {
    for (const grant of grants) {
      await at.connector.cleanup(grant, target())
      at.books.shelf.drop(grant, target())
      at.books.forget(grant)
    }
  }
  /** As the enforcer does: absence of all, one rotation, and then the rest. */
  const finish = async (...grants: readonly GrantId[]) => {
    await proveAbsent(...grants)
    await seal()
    await cleanUp(...grants)
  }
  const refusal = async (requester: string, ...privileges: readonly string[]) => {
    const asked = await opening(freshGrant(), requester)
    return at.connector.refuses?.({
      ...asked,
      privileges: privileges.length > 0 ? privileges : asked.privileges,
    })
  }

  /** Another process rotates the account with the same vault, and kills itself at that point. */
  const killedWhile = async (when: string): Promise<void> => {
    const dir = await mkdtemp(join(tmpdir(), 'halligan-killed-'))
    const here = (path: string) => JSON.stringify(join(import.meta.dirname, path))
    const { kind } = at.harness.settings
    await writeFile(
      join(dir, 'rotate.ts'),
      `import { openVault } from ${here('../src/store/vault.ts')}
      import { connectors } from ${here('../src/connectors/registry.ts')}
      import { hostClock } from ${here('../src/node-ports.ts')}
      const vault = openVault(${JSON.stringify(folder)})
      const die = () => process.kill(process.pid, 'SIGKILL')
      const dying = {
        ...vault,
        propose: async (...of) => {
          if (${JSON.stringify(when)} === 'nothing proposed') die()
          await vault.propose(...of)
          if (${JSON.stringify(when)} === 'proposed, and not set') die()
        },
        confirm: async () => die(),
      }
      const shelf = { put() {}, get: () => null, drop() {} }
      const ports = { clock: hostClock(), shelf, vault: dying, held: () => [] }
      const connector = connectors.${kind}(${JSON.stringify(at.harness.settings)}, ports)
      await connector.open()
      await connector.rotate(${JSON.stringify(at.harness.account)})`,
    )
    const child = spawn(process.execPath, [join(dir, 'rotate.ts')], { stdio: 'inherit' })
    const signal = await new Promise((done) => {
      child.once('exit', (_, by) => done(by))
    })
    await rm(dir, { recursive: true })
    expect(signal).toBe('SIGKILL')
  }

  /** Another run of the enforcer, with the books and the vault of the one before; with a vault that fails, if one is made of it. */
  const reboot = async (failing: (vault: Vault) => Vault = (vault) => vault) => {
    await at.connector.close()
    at.vault = openVault(folder)
    at.connector = made(failing(at.vault))
    await at.connector.open()
  }

  return {
    ...{ at, target, privilege, rotate, seal, secrets, sealed, opens },
    ...{ opening, accepted, checkOut, end, present, proveAbsent, cleanUp, finish, refusal },
    ...{ killedWhile, reboot, damageVault, emptyVault },
  }
}

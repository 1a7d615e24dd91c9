/**
 * One emergency on every connector at once: real servers of each kind, somebody inside each of them, and one that is without
 * power when the time is up and comes back later.
 *
 * @module
 */
import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { EnforcerSite } from '../example/enforcer.ts'
import { enforcerId, target as payments } from '../example/enforcer.ts'
import { type ExampleEstate, exampleBundle, openEstate } from '../example/estate.ts'
import { mustHold } from '../example/people.ts'
import { LeftOpen, loginOf } from './database.ts'
import {
  ask,
  type DrillOptions,
  type DrillReport,
  judge,
  type Play,
  rehearse,
  verify,
} from './drill.ts'
import { fleet, type Inside, type Protected, type Shown } from './fleet.ts'
import { demand, held, type Steps } from './steps.ts'

const entitlement = 'everything-repair'
const lifeSeconds = 30
/** Overdue soon, so that a drill can show it. */
const revokeSloSeconds = 5
/** Without power when the time is up. */
const unlucky = 'billing-db'

export const drillAll = (options: DrillOptions): Promise<DrillReport> =>
  rehearse(options, play)

const play: Play = async (steps, folder, files, open, signal) => {
  const all = await startFleet(steps, folder, open.also)
  const estate = await steps.step('an estate of its own is set up', async () => {
    const others = sitesOf(all)
    const bundle = await bundleFor(folder, others)
    const place = join(folder, 'estate')
    const options = { folder: place, port: 0, bundle, others, entitlements: [entitlement] }
    open.estate = await openEstate({ ...options, say: () => undefined, signal })
    const names = [enforcerId, ...others.map(({ id }) => id)].join(', ')
    return held(open.estate, `control plane at ${open.estate.url}, enforcers ${names}`)
  })
  const grant = await ask(steps, estate, { entitlement, lifeSeconds })
  const inside = await use(steps, estate, grant, all, open.also)
  await end(steps, estate, grant, all, inside)
  await judge(steps, estate, grant, files)
  await steps.step('every process is stopped', async () => {
    await estate.stop()
    return held(null, 'what follows is offline')
  })
  await verify(steps, estate.rosterDigest, files)
}

async function startFleet(
  steps: Steps,
  folder: string,
  also: (() => Promise<void>)[],
): Promise<readonly Protected[]> {
  const all: Protected[] = []
  for (const [kind, start] of Object.entries(fleet))
    all.push(
      await steps.step(`a real target for ${kind}`, async () => {
        const one = await start(join(folder, kind))
        also.push(one.remove)
        return held(one, `${one.target}, privilege ${one.privilege}`)
      }),
    )
  return all
}

/** One enforcer for all that can be reached from here, and one for each that has to run in a place of its own. */
function sitesOf(all: readonly Protected[]): readonly EnforcerSite[] {
  const apart = all.filter(({ inside }) => inside !== undefined)
  const together = all.filter(({ inside }) => inside === undefined)
  return [
    siteOf('enf-drill', together),
    ...apart.map((one) => siteOf(`enf-${one.target}`, [one])),
  ]
}

function siteOf(id: string, all: readonly Protected[]): EnforcerSite {
  const guarded = all.map(
    ({ target, privilege }) => `  ${target}:
    entitlements: [${entitlement}]
    privileges: ["${privilege}"]
    routes: { quorum: { minApprovals: 1 } }
    approverGroup: payments-leads
    maxLifeSeconds: 3600
    owners: [bob]
`,
  )
  const inside = all[0]?.inside
  return {
    id,
    guard: `enforcer: ${id}\ntargets:\n${guarded.join('')}`,
    targets: Object.fromEntries(all.map(({ target, settings }) => [target, settings])),
    ...(inside === undefined ? {} : { inside }),
  }
}

/** The example's policy, and one entitlement more, on all targets. */
async function bundleFor(folder: string, sites: readonly EnforcerSite[]): Promise<string> {
  const bundle = join(folder, 'bundle')
  await cp(exampleBundle, bundle, { recursive: true })
  const file = join(bundle, 'estate.yaml')
  const targets = [
    { target: payments, enforcer: enforcerId, privilege: 'role:payments_repair' },
    ...sites.flatMap(({ id, guard, targets }) =>
      Object.keys(targets).map((target) => ({
        ...{ target, enforcer: id },
        privilege: new RegExp(`${target}:[^]*?privileges: \\["(.+?)"\\]`).exec(guard)?.[1],
      })),
    ),
  ].map(
    ({ target, enforcer, privilege }) => `      - target: ${target}
        enforcer: ${enforcer}
        privileges: ["${privilege}"]
`,
  )
  const more = `  ${entitlement}:
    system: payments-db
    maxLifeSeconds: 3600
    targets:
${targets.join('')}    routes:
      quorum:
        approvals: 1
        groups: [payments-leads]
        maxLifeSeconds: 3600
        approvalSeconds: 900
        activationSeconds: 600
        reviewSeconds: 86400
`
  const text = await readFile(file, 'utf8')
  const longer = text
    .replace(/^entitlements:\n/m, `entitlements:\n${more}`)
    .replace(/^revokeSloSeconds: .*$/m, `revokeSloSeconds: ${revokeSloSeconds}`)
  await writeFile(file, longer)
  return bundle
}

type Entered = Readonly<{ target: string; inside: Inside }>

/** Activated, and entered everywhere by the client that people use there; nobody leaves. */
async function use(
  steps: Steps,
  { people: { ada } }: ExampleEstate,
  grant: string,
  all: readonly Protected[],
  also: (() => Promise<void>)[],
): Promise<readonly Entered[]> {
  await steps.step('ada activates', async () => {
    const phase = mustHold(await ada.run('activate', grant, '--yes'))
    demand(phase === 'active', `the grant is ${phase}, not active`)
    const many = `${all.length + 1} orders`
    return held(null, `decision and ${many} signed, recorded, then delivered`)
  })
  const entered: Entered[] = []
  for (const target of [payments, ...all.map((one) => one.target)])
    await steps.step(`ada is inside ${target}`, async () => {
      const show = ['--json', 'connect', grant, '--target', target, '--show']
      const shown: Shown = JSON.parse(mustHold(await ada.run(...show)))
      const one = all.find((other) => other.target === target)
      const inside = await (one === undefined ? intoPayments(shown) : one.enter(shown))
      also.push(inside.leave)
      entered.push({ target, inside })
      demand(await inside.works(), 'the access does not work')
      return held(null, `${inside.how}, left open`)
    })
  return entered
}

async function intoPayments(shown: Shown): Promise<Inside> {
  const left = await LeftOpen.connect(loginOf(shown))
  await left.setRole('payments_repair')
  return {
    how: 'a session after SET ROLE',
    works: async () => !(await left.wasEnded()) && (await left.canWork()),
    leave: async () => {},
  }
}

async function end(
  steps: Steps,
  { people: { ada } }: ExampleEstate,
  grant: string,
  all: readonly Protected[],
  entered: readonly Entered[],
): Promise<void> {
  const down = all.find(({ target }) => target === unlucky)
  if (down === undefined) throw new Error(`there is no ${unlucky}`)
  const statusOf = async (target: string) => {
    const read = JSON.parse(mustHold(await ada.run('--json', 'status', grant)))
    const { targets, notAfter } = read.grant ?? read
    const found = targets.find((one: Readonly<{ target: string }>) => one.target === target)
    return { ...found, notAfter }
  }
  const until = async (what: string, met: () => Promise<boolean>) => {
    const late = performance.now() + 60_000
    while (!(await met())) {
      demand(performance.now() < late, what)
      await pause(300)
    }
  }
  /** Resolves with the instants by the ledger: when the time was up, and when it was probed absent. */
  const ended = async (target: string) => {
    await until('it is not absent', async () => (await statusOf(target)).phase === 'absent')
    const { notAfter, absence } = await statusOf(target)
    const inside = entered.find((one) => one.target === target)?.inside
    demand((await inside?.works()) === false, 'the access still works')
    return { dueAt: notAfter, absentAt: absence.at }
  }
  await steps.step(`${unlucky} loses its power`, async () => {
    await down.kill()
    return held(null, 'before the time is up, with ada inside')
  })
  for (const { target } of entered.filter((one) => one.target !== unlucky))
    await steps.step(`${target} ends by itself`, async () => {
      const { dueAt, absentAt } = await ended(target)
      const late = secondsFrom(dueAt, absentAt)
      return held(null, `probed absent ${late} after its time; whoever was inside is out`)
    })
  await steps.step(`${unlucky} is not called absent`, async () => {
    await until(
      'it is not overdue',
      async () => (await statusOf(unlucky)).overdue !== false,
    )
    const { phase } = await statusOf(unlucky)
    demand(phase === 'revoking', `it is ${phase}, not revoking`)
    return held(null, 'revoking, and overdue: on the books, and somebody is paged')
  })
  await steps.step(`${unlucky} has its power again`, async () => {
    await down.restart()
    const backAt = Date.now()
    const { absentAt } = await ended(unlucky)
    const after = secondsFrom(backAt, absentAt)
    return held(null, `ended at the next try, probed absent ${after} after it was back`)
  })
}

/** An enforcer counts from its own acceptance, and may be a moment early. */
const secondsFrom = (since: number, at: number): string =>
  `${(Math.max(0, at - since) / 1000).toFixed(1)} s`

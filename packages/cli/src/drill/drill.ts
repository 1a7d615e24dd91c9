/**
 * One whole emergency, rehearsed: real processes, a real PostgreSQL, lives of seconds. Its incident's id begins with
 * `drill-`, so the ledger, the case file and every report say that it was a rehearsal.
 *
 * @module
 */
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ExampleEstate, openEstate, system } from '../example/estate.ts'
import { mustHold, type Person } from '../example/people.ts'
import { type Finished, Programs } from '../example/programs.ts'
import { Bystander, LeftOpen, loginOf } from './database.ts'
import { demand, held, type Step, Steps } from './steps.ts'

export type DrillOptions = Readonly<{
  /** Gets `case.json` and `trust.txt`. */
  out: string
  now(): number
  /** Stops the drill where it is; what it started is still taken down. */
  signal: AbortSignal
  tell(step: Step, elapsedMillis: number): void
}>

export type DrillReport = Readonly<{
  held: boolean
  steps: readonly Step[]
  caseFile: string
  trustFile: string
  rosterDigest: string | null
}>

const entitlement = 'payments-db-repair'
const lifeSeconds = 8
const note = 'settlement worker died; released the batch by hand'

/** One emergency on the payments database. */
export const drill = (options: DrillOptions): Promise<DrillReport> =>
  rehearse(options, play)

/** What is to be cleaned up whatever becomes of the play. */
export type Open = { estate?: ExampleEstate; also: (() => Promise<void>)[] }

export type Play = (
  steps: Steps,
  folder: string,
  files: Files,
  open: Open,
  signal: AbortSignal,
) => Promise<void>

/** Never throws for a step that did not hold: the report says which. Leaves no process and no data behind. */
export async function rehearse(options: DrillOptions, play: Play): Promise<DrillReport> {
  const { out, signal } = options
  const steps = new Steps(options.now, options.tell)
  const folder = await mkdtemp(join(tmpdir(), 'halligan-drill-'))
  await mkdir(out, { recursive: true })
  const files = { caseFile: join(out, 'case.json'), trustFile: join(out, 'trust.txt') }
  const open: Open = { also: [] }
  try {
    await play(steps, folder, files, open, signal)
  } catch (error) {
    // A step that did not hold has told so already; anything else is a broken promise of the drill itself.
    if (steps.done.at(-1)?.held !== false) throw error
  } finally {
    await open.estate?.remove()
    for (const close of open.also) await close()
    await rm(folder, { recursive: true, force: true })
  }
  const rosterDigest = open.estate?.rosterDigest ?? null
  return { held: steps.held, steps: steps.done, ...files, rosterDigest }
}

export type Files = Readonly<{ caseFile: string; trustFile: string }>

async function play(
  steps: Steps,
  folder: string,
  files: Files,
  open: Open,
  signal: AbortSignal,
): Promise<void> {
  const estate = await steps.step('an estate of its own is set up', async () => {
    open.estate = await openEstate({ folder, port: 0, say: () => undefined, signal })
    return held(
      open.estate,
      `control plane at ${open.estate.url}, roster signed by two trustees`,
    )
  })
  const bystander = new Bystander(estate.payments.superuserUrl)
  try {
    const grant = await ask(steps, estate)
    const left = await use(steps, estate, grant, bystander)
    await end(steps, estate, grant, left, bystander)
    await judge(steps, estate, grant, files)
  } finally {
    await bystander.close()
  }
  await steps.step('every process is stopped', async () => {
    await estate.stop()
    return held(null, 'what follows is offline')
  })
  await verify(steps, estate.rosterDigest, files)
}

/** Declared, asked for, and approved by somebody else. */
export async function ask(
  steps: Steps,
  { people }: ExampleEstate,
  asked = { entitlement, lifeSeconds },
): Promise<string> {
  const { ada, bob } = people
  const incident = `drill-${new Date().toISOString().slice(0, 10)}`
  await steps.step('ada declares an incident', async () => {
    const title = 'DRILL: the nightly settlement is stuck'
    const about = ['--severity', '2', '--system', system, '--title', title, '--yes']
    mustHold(await ada.run('incident', 'open', incident, ...about))
    return held(null, incident)
  })
  const grant = await steps.step('ada asks for emergency access', async () => {
    const terms = ['--incident', incident, '--life', `${asked.lifeSeconds}s`, '--yes']
    const reason = ['--reason', 'DRILL: batch 29 is stuck, customers wait for their money']
    const id = mustHold(await ada.run('request', asked.entitlement, ...terms, ...reason))
    return held(id, `${id}, for ${asked.lifeSeconds} seconds`)
  })
  await steps.step('ada cannot approve herself', () =>
    refusedWith(ada, 'own_request', 'approve', grant),
  )
  await steps.step('bob approves exactly those terms', async () => {
    const phase = mustHold(await bob.run('approve', grant, '--yes'))
    demand(phase === 'approved', `the grant is ${phase}, not approved`)
    return held(null, 'one signature over the digest of the terms')
  })
  return grant
}

export async function refusedWith(
  person: Person,
  code: string,
  ...command: readonly string[]
) {
  const { code: exit, stdout } = await person.run('--json', ...command, '--yes')
  const said = stdout === '' ? null : JSON.parse(stdout)
  demand(
    exit === 1 && said?.refused?.code === code,
    `expected ${code}, got exit ${exit}: ${stdout}`,
  )
  return held(null, `refused: ${code}`)
}

/** Activated, used on the real database, and a privileged session left open on purpose. */
async function use(
  steps: Steps,
  { people: { ada } }: ExampleEstate,
  grant: string,
  bystander: Bystander,
): Promise<LeftOpen> {
  await steps.step('ada activates', async () => {
    const phase = mustHold(await ada.run('activate', grant, '--yes'))
    demand(phase === 'active', `the grant is ${phase}, not active`)
    return held(null, 'decision and order signed, recorded, then delivered')
  })
  const left = await steps.step('the enforcer made a login; ada connects', async () => {
    const shown = mustHold(await ada.run('--json', 'connect', grant, '--show'))
    const left = await LeftOpen.connect(loginOf(JSON.parse(shown)))
    return held(left, `as ${left.user}, known to nobody else`)
  })
  await steps.step('ada repairs the stuck batch', async () => {
    const before = await bystander.stuck()
    const sql = 'select payments.release_batch(29)'
    const said = await ada.run('connect', grant, '--exec', sql)
    mustHold(said)
    demand(!left.isIn(said.stdout + said.stderr), 'the password was printed unasked')
    const after = await bystander.stuck()
    demand(before > 0 && after === 0, `${before} transfers were stuck, ${after} still are`)
    return held(null, `${before} stuck transfers released`)
  })
  await steps.step('a session with SET ROLE is left open', async () => {
    await left.setRole('payments_repair')
    demand(await left.canWork(), 'the session has no rights to begin with')
    return held(null, 'PostgreSQL alone would let it live on for ever')
  })
  return left
}

/** Nobody ends it: it ends by itself, sessions included, and the catalog says so. */
async function end(
  steps: Steps,
  { people: { ada } }: ExampleEstate,
  grant: string,
  left: LeftOpen,
  bystander: Bystander,
): Promise<void> {
  await steps.step('the access ends by itself', async () => {
    mustHold(await ada.run('watch', grant, '--until', 'absent', '--timeout', '20'))
    return held(null, 'nobody asked for it; the enforcer probed that it is gone')
  })
  await steps.step('the session is really gone', async () => {
    demand(await left.wasEnded(), 'the session that was left open still answers')
    demand((await bystander.sessionsOf(left.user)) === 0, `${left.user} still has sessions`)
    return held(null, 'ended by the server, in the middle of its work')
  })
  await steps.step('the login is really gone', async () => {
    const gone = (await bystander.roleOf(left.user)) === 'absent'
    demand(gone || !(await left.canLogIn()), `${left.user} can still log in`)
    return held(null, gone ? 'the role no longer exists' : 'the role can no longer log in')
  })
}

/** Reviewed by somebody who took no part, and written to one file. */
export async function judge(
  steps: Steps,
  { people: { ada, dee }, rosterDigest }: ExampleEstate,
  grant: string,
  { caseFile, trustFile }: Files,
): Promise<void> {
  await steps.step('ada cannot review herself', async () => {
    const finding = ['--finding', 'justified', '--note', 'all fine']
    const { code } = await ada.run('review', 'close', grant, ...finding, '--yes')
    demand(code === 1, `expected a refusal, got exit ${code}`)
    return held(null, 'refused')
  })
  await steps.step('dee reviews and closes', async () => {
    const finding = ['--finding', 'justified', '--note', note, '--yes']
    const phase = mustHold(await dee.run('review', 'close', grant, ...finding))
    demand(phase === 'closed', `the grant is ${phase}, not closed`)
    return held(null, 'justified, bound to the digest of the evidence')
  })
  await steps.step('the ledger verifies', async () => {
    mustHold(await dee.run('ledger', 'verify'))
    return held(null, 'every entry downloaded, the signed root recomputed')
  })
  await steps.step('the case is exported', async () => {
    mustHold(await dee.run('case', 'export', grant, '--out', caseFile))
    await writeFile(trustFile, `${rosterDigest}\n`)
    return held(null, `${caseFile}, ${trustFile}`)
  })
}

/** By a program that never speaks to anyone. */
export async function verify(
  steps: Steps,
  trust: string,
  { caseFile }: Files,
): Promise<void> {
  const programs = new Programs()
  const run = (file: string, ...rest: readonly string[]): Promise<Finished> =>
    programs.run('halligan', ['case', 'verify', file, ...rest])
  await steps.step('the case is proven offline', async () => {
    const words = mustHold(await run(caseFile, '--trust', trust))
    demand(/DRILL/.test(words), 'the report does not say that it was a drill')
    return held(null, 'against the roster digest alone')
  })
  await steps.step('one changed byte is found', async () => {
    const forged = `${caseFile}.forged`
    await copyFile(caseFile, forged)
    const text = await readFile(caseFile, 'utf8')
    await writeFile(forged, text.replace(/"lifeSeconds":\d/, '"lifeSeconds":9'))
    const { code } = await run(forged, '--trust', trust)
    await rm(forged)
    demand(code === 1, `the forged case file verified with ${code}`)
    return held(null, 'refused, and the report says where')
  })
  await programs.stopAll()
}

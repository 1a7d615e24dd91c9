/**
 * What people do in an emergency, and what attackers do beside them. Whether they may is the product's to say: the right
 * people and the wrong ones try alike.
 *
 * @module
 */
import type { Digest, Envelope, GrantId, Json, Verb } from '@halligan/core'
import { base64url } from '@halligan/ledger'
import { rotateOnDemand } from '../../packages/enforcer/src/accounts.ts'
import { endAll, endByAct, endGrant } from '../../packages/enforcer/src/end-locally.ts'
import type { Story } from './chronicle.ts'
import { signerNamed } from './crypto.ts'
import type { Dice } from './dice.ts'
import type { EnforcerNode } from './enforcer-node.ts'
import { agents, entitlements, type Name, people, requesters } from './estate.ts'
import { Crash } from './machine.ts'
import {
  type About,
  createPerson,
  type Person,
  type Signed,
  type Told,
  textOf,
} from './person.ts'
import { openSession } from './target.ts'
import { targetNamed, type World } from './world.ts'

export type Workload = Readonly<{
  /** One more step by somebody. Resolves when its author is done with it. */
  step(): Promise<void>
}>

type Step = (world: World, crowd: Crowd) => Promise<Told | null | undefined>

type Crowd = Readonly<{
  dice: Dice
  person(name: string): Person
  sent: Signed[]
  /** Nonces that somebody used already, and by whom. */
  nonces: Readonly<{ by: Name; verb: Verb; nonce: string; about: About }>[]
  newGrant(): GrantId
}>

export function createWorkload(world: World): Workload {
  const dice = world.dice.named('workload')
  const everyone = [...people, ...(Object.keys(agents) as Name[])]
  const crowd: Crowd = {
    dice,
    person: (() => {
      const persons = new Map(
        everyone.map((name) => [name as string, createPerson(world, name)]),
      )
      return (name: string) => persons.get(name) as Person
    })(),
    ...{ sent: [], nonces: [], newGrant: grantIds(dice) },
  }
  const names = Object.keys(weights) as (keyof typeof weights)[]
  const bag = names.flatMap((name) => Array<keyof typeof weights>(weights[name]).fill(name))
  return {
    async step() {
      const name = dice.pick(bag)
      const told = await steps[name](world, crowd)
      if (told === undefined) return
      const said = told === null ? 'no answer' : told.status === 200 ? 'done' : 'refused'
      world.tally.happened(`step: ${name} ${said}`)
      const code = told?.status === 200 ? '' : String(told?.body.code ?? '')
      world.tally.tell(`${world.agenda.now()} ${name}: ${said} ${code}`)
    },
  }
}

const weights = {
  ...{ openIncident: 2, closeIncident: 1, request: 14, approve: 20, deny: 1, withdraw: 1 },
  ...{ activate: 20, use: 20, read: 5, return_: 4, revoke: 4, reveal: 5, review: 8 },
  ...{ attest: 8, endLocally: 2, endByAct: 2, endAll: 1, replay: 4, spendTwice: 4 },
  ...{ forge: 3, falseBearer: 3, peek: 2, rotate: 4 },
} as const

function grantIds(dice: Dice): () => GrantId {
  const digits = 'abcdefghijklmnopqrstuvwxyz234567'
  return () =>
    `g-${[...dice.bytes(26)].map((byte) => digits[byte % 32]).join('')}` as GrantId
}

/** What is asked for: shared accounts most often, so that people are in each other's way. */
const wanted = [
  ...Object.keys(entitlements),
  'break-glass-accounts',
  'break-glass-accounts',
]

const aboutOf = ({ grant, termsDigest }: Story): About => ({
  ...{ grant, termsDigest: termsDigest as Digest },
})

/** One of the grants that `fits`, most likely a late one. */
function some(world: World, dice: Dice, fits: (story: Story) => boolean): Story | null {
  const found = [...world.chronicle.stories.values()].filter(fits).slice(-4)
  return found.length === 0 ? null : dice.pick(found)
}

const isPending = (story: Story) =>
  story.over === null && story.activated === null && story.approvedUntil === 0
const isApproved = (story: Story) =>
  story.over === null && story.activated === null && story.approvedUntil > 0
const isActive = (story: Story) => story.activated !== null && story.ended === null

const hadAccess = (story: Story) => story.ended !== null

const openIncidents = (world: World) =>
  [...world.chronicle.incidents].filter(([, { open }]) => open).map(([id]) => id)

/** An act with a fresh nonce, remembered so that it can be replayed. */
async function say<V extends Verb>(
  { person, sent, nonces }: Crowd,
  by: string,
  verb: V,
  about: About,
  body: Parameters<Person['sign']>[2],
  blobs: Signed['blobs'] = [],
): Promise<Told | null> {
  const author = person(by)
  const nonce = await author.nonceFor(verb, about)
  if (nonce === null) return null
  const act = author.sign(verb, about, body as never, nonce)
  sent.push({ verb, act, blobs })
  nonces.push({ by: author.name, verb, nonce, about })
  return author.send({ verb, act, blobs })
}

const sealTo = (dice: Dice) =>
  ({ kty: 'OKP', crv: 'X25519', x: base64url.encode(dice.bytes(32)) }) as const

const steps: Readonly<Record<keyof typeof weights, Step>> = {
  async openIncident(world, crowd) {
    if (openIncidents(world).length >= 2) return undefined
    const { dice } = crowd
    const title = textOf(dice, 'payments are down')
    const body = {
      incident: `inc-${world.chronicle.incidents.size + 1}-${dice.between(0, 9)}`,
      severity: dice.pick([1, 1, 1, 2, 2, 2, 3, 4]),
      systems: ['payments-db'],
      titleCommitment: title.commitment,
    }
    const by = dice.pick(['ada', 'bob', 'cy', 'mallory'])
    return say(crowd, by, 'open_incident', {}, body as never, [title])
  },
  async closeIncident(world, crowd) {
    const open = openIncidents(world)
    if (open.length === 0) return undefined
    const body = { incident: crowd.dice.pick(open) }
    const by = crowd.dice.pick(['ada', 'bob', 'mallory'])
    return say(crowd, by, 'close_incident', {}, body as never)
  },
  async request(world, crowd) {
    const { dice } = crowd
    const open = openIncidents(world)
    const all = [...world.chronicle.incidents.keys()].slice(-3)
    const incidents = open.length > 0 && dice.chance(0.85) ? open : all
    if (incidents.length === 0) return steps.openIncident(world, crowd)
    const alone = dice.chance(0.2)
    const by = alone ? 'ada' : dice.pick([...requesters, 'mallory'])
    // Of agents only repair is ever approved.
    const isSimple = alone || (Object.hasOwn(agents, by) && dice.chance(0.7))
    return crowd.person(by).request({
      grant: crowd.newGrant(),
      entitlement: isSimple ? 'payments-db-repair' : dice.pick(wanted),
      incident: dice.pick(incidents),
      route: alone ? 'solo' : 'quorum',
      lifeSeconds: dice.pick([15, 30, 45, 60, 90, 120, dice.chance(0.1) ? 7200 : 40]),
    })
  },
  async approve(world, crowd) {
    const story = some(world, crowd.dice, isPending)
    if (story === null) return undefined
    const by = crowd.dice.pick(
      crowd.dice.chance(0.75)
        ? ['bob', 'cy', 'fay']
        : [story.terms.requester, 'mallory', 'robo', 'hal', 'dee'],
    )
    return say(crowd, by, 'approve', aboutOf(story), {} as never)
  },
  async deny(world, crowd) {
    const story = some(world, crowd.dice, isPending)
    if (story === null) return undefined
    const by = crowd.dice.pick(['bob', 'cy', 'mallory'])
    return say(crowd, by, 'deny', aboutOf(story), {} as never)
  },
  async withdraw(world, crowd) {
    const story = some(world, crowd.dice, isPending)
    if (story === null) return undefined
    return say(crowd, story.terms.requester, 'withdraw', aboutOf(story), {} as never)
  },
  async activate(world, crowd) {
    const { dice } = crowd
    const story = some(world, dice, dice.chance(0.95) ? isApproved : () => true)
    if (story === null) return undefined
    const by = dice.chance(0.9)
      ? story.terms.requester
      : dice.pick(['mallory', 'bob', 'eve'])
    return say(crowd, by, 'activate', aboutOf(story), { sealTo: sealTo(dice) } as never)
  },
  async use(world, crowd) {
    // Whoever once had access tries again.
    const story = some(world, crowd.dice, crowd.dice.chance(0.8) ? isActive : hadAccess)
    if (story === null) return undefined
    for (const { target } of story.terms.targets)
      if (openSession(targetNamed(world, target), story.grant))
        world.tally.happened('step: use of a target')
    return undefined
  },
  async read(world, crowd) {
    const story = some(world, crowd.dice, ({ exposed }) => exposed.size > 0)
    if (story === null) return undefined
    const { dice } = crowd
    const by = dice.chance(0.7)
      ? story.terms.requester
      : dice.pick(['mallory', 'bob', 'dee'])
    const { target } = dice.pick(story.terms.targets)
    return crowd.person(by).get(`/v1/grants/${story.grant}/sealed/${target}`)
  },
  async return_(world, crowd) {
    const story = some(world, crowd.dice, isActive)
    if (story === null) return undefined
    return say(crowd, story.terms.requester, 'return', aboutOf(story), {} as never)
  },
  async revoke(world, crowd) {
    const story = some(world, crowd.dice, isActive)
    if (story === null) return undefined
    const by = crowd.dice.pick(['bob', 'cy', 'dee', 'eve', 'mallory', 'robo'])
    return say(crowd, by, 'revoke', aboutOf(story), {} as never)
  },
  async reveal(world, crowd) {
    const { dice } = crowd
    const story = some(world, dice, isActive)
    if (story === null) return undefined
    const by = dice.chance(0.8) ? story.terms.requester : dice.pick(['mallory', 'bob'])
    const { target } = dice.pick(story.terms.targets)
    const body = { target, sealTo: sealTo(dice) }
    return say(crowd, by, 'reveal', aboutOf(story), body as never)
  },
  async review(world, crowd) {
    const { dice } = crowd
    const story = some(world, dice, ({ ended, closed }) => ended !== null && !closed)
    if (story === null) return undefined
    const by = dice.chance(0.7)
      ? 'dee'
      : dice.pick(['cy', 'bob', 'robo', story.terms.requester])
    const file = await crowd.person(by).get(`/v1/reviews/${story.grant}`)
    if (file?.status !== 200) return file
    const note = textOf(dice, 'seen and found right')
    const body = {
      ...{ finding: dice.pick(['justified', 'excessive', 'misused']), followUps: [] },
      ...{ evidenceDigest: file.body.evidenceDigest, noteCommitment: note.commitment },
    }
    return say(crowd, by, 'review', aboutOf(story), body as never, [note])
  },
  async attest(world, crowd) {
    const { dice } = crowd
    const story = some(world, dice, ({ overdue }) => overdue.size > 0)
    if (story === null) return undefined
    const note = textOf(dice, 'the host was scrapped')
    const body = { target: dice.pick([...story.overdue]), noteCommitment: note.commitment }
    const attested = (by: string) =>
      say(crowd, by, 'attest', aboutOf(story), body as never, [note])
    const told = await attested(dice.pick(['bob', 'cy', 'dee', 'fay', 'robo', 'mallory']))
    return told?.status === 200 ? attested(dice.pick(['bob', 'cy', 'dee', 'fay'])) : told
  },
  async endLocally(world, crowd) {
    const story = some(world, crowd.dice, isActive)
    if (story === null) return undefined
    const { enforcer: name } = crowd.dice.pick(story.terms.targets)
    const enforcer = world.enforcers.find((each) => each.name === name)
    const site = enforcer?.site() ?? null
    if (site === null || enforcer?.disk.full) return undefined
    const { targets } = endGrant(site, story.grant, 'local_root')
    noteLocalEnds(world, story.grant, targets)
    return undefined
  },
  async endByAct(world, crowd) {
    const { dice } = crowd
    const story = some(world, dice, isActive)
    const enforcer = dice.pick(world.enforcers)
    const site = enforcer.site()
    if (story === null || site === null || enforcer.disk.full) return undefined
    const by = dice.pick(['dee', story.terms.requester, 'mallory', 'cy'])
    const act = crowd
      .person(by)
      .sign('revoke', { grant: story.grant }, {} as never, base64url.encode(dice.bytes(54)))
    const ended = endByAct(site, act)
    if (ended.ok) noteLocalEnds(world, story.grant, ended.value.targets)
    world.tally.happened(`step: endByAct ${ended.ok ? 'done' : 'refused'}`)
    return undefined
  },
  async endAll(world, crowd) {
    const enforcer = crowd.dice.pick(world.enforcers)
    const site = enforcer.site()
    if (site === null || enforcer.disk.full || !crowd.dice.chance(0.3)) return undefined
    const ended = await endAll(site).catch(() => [])
    for (const { grant, target } of ended) noteLocalEnds(world, grant, [target])
    return undefined
  },
  /** Its host's root has a shared account rotated. */
  async rotate(world, crowd) {
    const enforcer = crowd.dice.pick(world.enforcers.filter(keepsAccounts))
    const site = enforcer.site()
    if (site === null) return undefined
    const { name, accounts } = crowd.dice.pick(
      enforcer.targets.filter((target) => target.accounts.size > 0),
    )
    const rotated = await rotateOnDemand(
      site,
      crowd.dice.pick([...accounts.keys()]),
      name,
    ).catch((error: unknown) => {
      if (error instanceof Crash || enforcer.disk.full) return null
      throw error
    })
    const said = rotated === null ? 'lost' : rotated.ok ? 'done' : rotated.error.code
    world.tally.happened(`step: rotate ${said}`)
    return undefined
  },
  /** Somebody on the wire says again what was said once, ten times over. */
  async replay(_, { dice, sent, person }) {
    if (sent.length === 0) return undefined
    const { verb, act, blobs } = dice.pick(sent)
    const body = { act, blobs } as unknown as Json
    const told = await Promise.all(
      Array.from({ length: 10 }, () => person('mallory').post(`/v1/acts/${verb}`, body)),
    )
    return told.find((each) => each !== null) ?? null
  },
  /** Another act on a nonce that its author has used. */
  async spendTwice(world, crowd) {
    const { dice, nonces, person } = crowd
    const story = some(world, dice, isActive)
    const used = nonces.filter(
      ({ verb, about }) => verb === 'reveal' && about.grant === story?.grant,
    )
    if (story === null || used.length === 0) return steps.reveal(world, crowd)
    const { nonce, by, about } = dice.pick(used)
    const { target } = dice.pick(story.terms.targets)
    const body = { target, sealTo: sealTo(dice) }
    const act = person(by).sign('reveal', about, body, nonce)
    return person(by).send({ verb: 'reveal', act, blobs: [] })
  },
  /** Mallory signs in the name of somebody who may. */
  async forge(world, { dice, person }) {
    const story = some(world, dice, isPending)
    if (story === null) return undefined
    const by = dice.pick(['bob', 'cy', 'fay'] as const)
    const nonce = await person(by).nonceFor('approve', aboutOf(story))
    if (nonce === null) return null
    const signer = { ...signerNamed('mallory'), keyId: signerNamed(by).keyId }
    const as = { by, signer: { ...signer, sign: signerNamed('mallory').sign } }
    const act: Envelope = person('mallory').sign('approve', aboutOf(story), {}, nonce, as)
    return person('mallory').post('/v1/acts/approve', { act, blobs: [] } as unknown as Json)
  },
  async falseBearer(world, { dice, person }) {
    const claim = ['bob', signerNamed('bob').keyId, world.agenda.now() + 600_000]
    const token = Buffer.from(JSON.stringify(claim)).toString('base64url')
    const bearer = `Bearer ${token}.${base64url.encode(dice.bytes(32))}`
    world.badBearers.add(bearer)
    return person('mallory').post('/v1/prepare', { verb: 'open_incident' }, bearer)
  },
  async peek(world, { dice, person }) {
    const size = world.chronicle.entries.length
    const told = await person(dice.pick(people)).get(
      `/v1/entries?after=${Math.max(0, size - 9)}`,
    )
    await person('dee').get('/v1/status')
    return told
  },
}

const keepsAccounts = ({ targets }: EnforcerNode) =>
  targets.some(({ accounts }) => accounts.size > 0)

function noteLocalEnds(world: World, grant: GrantId, targets: readonly string[]): void {
  if (targets.length > 0) world.tally.happened('step: local end')
  for (const target of targets)
    world.localEnds.set(`${grant}/${target}`, world.agenda.now())
}

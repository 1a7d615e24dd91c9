/**
 * Judging bent stories, for the tests of the ten steps.
 *
 * @module
 */
import type { Act, Digest, Envelope, Instant, Roster, Terms } from '@halligan/core'
import { base64 } from './base64.ts'
import { concat, utf8 } from './bytes.ts'
import { addSignature } from './envelope.ts'
import type { Evidence, Situation, Trust } from './evidence.ts'
import { nodeCrypto as crypto } from './node.ts'
import { vkeyOf } from './note.ts'
import {
  genesis,
  guard as goodGuard,
  nextRoster,
  type Plot,
  type Story,
  signerOf,
  target,
  tellStory,
} from './testing.ts'
import { verifyGrant } from './verify-grant.ts'

export const good = tellStory()

export type Change = Partial<{
  evidence: Partial<Evidence>
  trust: Partial<Trust>
  guard: Partial<(typeof goodGuard.targets)[string]>
  enforcer: string
  situation: Partial<Situation>
  guardedTarget: string
}>

export function judge(story: Story, change: Change = {}) {
  const guard = {
    enforcer: change.enforcer ?? goodGuard.enforcer,
    targets: {
      [change.guardedTarget ?? target]: {
        ...(goodGuard.targets[target] as object),
        ...change.guard,
      },
    },
  } as typeof goodGuard
  return verifyGrant(
    crypto,
    { ...story.evidence, ...change.evidence },
    { ...story.trust, ...change.trust },
    guard,
    { ...story.situation, ...change.situation },
  )
}

export const stepsOf = (story: Story, change?: Change) => [
  ...new Set(judge(story, change).failures.map(({ step }) => step)),
]
export const codesOf = (story: Story, change?: Change) =>
  judge(story, change).failures.map(({ code }) => code)

export const bend = (terms: Partial<Terms>): Plot => ({
  terms: (was) => ({ ...was, ...terms }),
})
export const other: Digest = `sha256:${'0'.repeat(64)}`
export const person = (name: string) => genesis.people.find((one) => one.person === name)

/** The people of genesis, one of them changed. */
export const people = (
  name: string,
  change: Partial<Roster['people'][number]>,
): Roster => ({
  ...genesis,
  people: genesis.people.map((one) => (one.person === name ? { ...one, ...change } : one)),
})

export const coolingDown = (name: string, until: Instant): Roster =>
  people(name, {
    keys: (person(name)?.keys ?? []).map((key) => ({ ...key, approvesFrom: until })),
  })

export const resigned = (envelope: Envelope, payloadType: string): Envelope => ({
  ...envelope,
  payloadType,
})

/** The first signature with one byte changed. */
export function defaced(envelope: Envelope): Envelope {
  const [first, ...rest] = envelope.signatures
  if (first === undefined) throw new Error('nobody signed')
  const sig = `${first.sig.startsWith('A') ? 'B' : 'A'}${first.sig.slice(1)}`
  return { ...envelope, signatures: [{ ...first, sig }, ...rest] }
}

export const sealing = (name: string, change: (envelope: Envelope) => Envelope): Plot => ({
  seal: (kind, envelope) => (kind === name ? change(envelope) : envelope),
})

export const fork = tellStory({ facts: { ...tellFacts(), ownerKnown: false } })
export function tellFacts() {
  const { entry } = good.evidence.decision
  return (entry as unknown as { facts: NonNullable<Plot['facts']> }).facts
}

export const mallorysLog = tellStory({ entryAt: (_, at) => at + 1 })

export function seen(story: Story) {
  const { checkpointSeen } = story.trust
  if (checkpointSeen === null) throw new Error('the story has seen nothing')
  return checkpointSeen
}

export const log = () => genesis.logs[0] as Roster['logs'][number]
export const issuer = () => genesis.issuers[0] as Roster['issuers'][number]
export const vkeyOfOther = () => vkeyOf(crypto, log().origin, signerOf('mallory').publicKey)
export const roster2 = (changes: Partial<Roster>): Partial<Evidence> => ({
  rosters: [...good.rosters, nextRoster(good.rosters, genesis, changes).envelope],
})
export const by = (act: Act, name: string): Act =>
  ({ ...act, by: name, keyId: signerOf(name).keyId }) as Act

export const reseal = (envelope: Envelope, name: string): Envelope =>
  addSignature({ ...envelope, signatures: [] }, signerOf(name))

/** Of the same entry, to a checkpoint that the same log signed earlier. */
export function olderProof() {
  const { request } = good.evidence
  const proof = request.proof.replace(good.evidence.checkpoint, good.log.checkpoint(3))
  return { ...request, proof }
}

/** The same statement with a blank in it, honestly signed. */
export function spaced(envelope: Envelope): Envelope {
  const bytes = base64.decode(envelope.payload) ?? new Uint8Array()
  const payload = base64.encode(concat(utf8(' '), bytes))
  return addSignature({ ...envelope, payload, signatures: [] }, signerOf('issuer'))
}

/** The step, what is wrong, a code that says so, and how to tell it. */
export type Row = readonly [
  step: number,
  what: string,
  code: string,
  tell: () => readonly [Story, Change?],
]

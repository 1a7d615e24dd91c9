import type { Finding, FollowUp, Instant, PrincipalId } from '@halligan/core'
import { digestOf } from '@halligan/ledger'
import { nodeCrypto } from '@halligan/ledger/node'
import { deceived, type Text } from '@halligan/sdk'
import { Command, Option } from 'commander'
import { act, type Common, type Outcome, type Run, shown } from '../command.ts'
import {
  type Desk,
  namedGrant,
  newText,
  openDesk,
  signOnGrant,
  textOption,
} from '../desk.ts'
import { counted } from '../display/counted.ts'
import { fromNow } from '../display/duration.ts'
import { ordinary, sessionsOf, textsOf, unbounded } from '../display/evidence.ts'
import type { Rows } from '../display/statement.ts'
import { table } from '../display/table.ts'
import { visible } from '../display/visible.ts'
import { usage } from '../refusal.ts'
import { grantText } from './status.ts'

export const reviewCommand = (run: Run): Command =>
  new Command('review')
    .description('judge how an access was used')
    .addCommand(listCommand(run))
    .addCommand(showCommand(run))
    .addCommand(closeCommand(run))

const listCommand = (run: Run): Command =>
  new Command('list').description('grants whose review is open').action(
    act<Common>(run, async () => {
      const desk = await openDesk(run.machine)
      if (!desk.ok) return desk
      const answer = await desk.value.client.call('reviews')
      if (!answer.ok) return answer
      const rows = answer.value.items.map((grant) => [
        visible(grant.id),
        grant.phase,
        visible(grant.terms.requester),
        visible(grant.terms.entitlement),
        'review' in grant
          ? `${grant.drill ? 'DRILL, ' : ''}${grant.review.overdue ? 'OVERDUE, ' : ''}due ${fromNow(grant.review.due, run.machine.now())}`
          : '',
      ])
      return shown(
        answer.value,
        table(['GRANT', 'PHASE', 'REQUESTER', 'ENTITLEMENT', 'REVIEW'], rows),
        rows.length === 0 ? 'Nothing to review.' : 'Next: halligan review show GRANT',
      )
    }),
  )

type Showing = Readonly<{ all?: true }>

const showCommand = (run: Run): Command =>
  new Command('show')
    .description('the evidence that a verdict is bound to')
    .argument('<grant>', 'the grant, e.g. g-…')
    .option('--all', 'every text to its last character')
    .action(
      act<Showing & Common>(run, async (options, [id]) => {
        const desk = await openDesk(run.machine)
        if (!desk.ok) return desk
        const evidence = await readEvidence(desk.value, id)
        if (!evidence.ok) return evidence
        const { read, answer } = evidence.value
        const { uses30, uses90, undelivered, evidenceDigest } = answer
        const use: Rows = [
          ['uses', `${uses30} in 30 days, ${uses90} in 90 days, of this entitlement`],
          ['undelivered', counted(undelivered.length, 'notice')],
          ['evidence', evidenceDigest],
        ]
        const bounds = options.all === true ? unbounded : ordinary
        const text = [
          grantText(read, run.machine.now(), use),
          textsOf(read, bounds),
          ...sessionsOf(read, bounds),
        ].join('\n\n')
        return shown(
          { ...answer, texts: Object.fromEntries(read.texts) },
          text,
          `Next: halligan review close ${read.grant.id} --finding justified --note TEXT`,
        )
      }),
    )

type Closing = Readonly<{ finding: Finding; note: string; followUp?: readonly string[] }>

const closeCommand = (run: Run): Command =>
  new Command('close')
    .description('close the review with a finding')
    .argument('<grant>', 'the grant, e.g. g-…')
    .addOption(
      new Option('--finding <finding>', 'your judgement')
        .choices(['justified', 'excessive', 'misused'])
        .makeOptionMandatory(),
    )
    .requiredOption('--note <text>', 'why; @FILE reads a file')
    .option(
      '--follow-up <owner:days:text...>',
      'what remains to be done, by whom, in how many days',
    )
    .action(
      act<Closing & Common>(run, async (options, [id]) => {
        const desk = await openDesk(run.machine)
        return desk.ok ? close(desk.value, id, options) : desk
      }),
    )

async function close(
  desk: Desk,
  id: string | undefined,
  options: Closing & Common,
): Promise<Outcome> {
  const followUps = (options.followUp ?? []).map((text) => parseFollowUp(desk, text))
  if (followUps.includes(null))
    return usage('malformed_follow_up', 'a follow-up is owner:days:text', '')
  const evidence = await readEvidence(desk, id)
  if (!evidence.ok) return evidence
  const { read, answer } = evidence.value
  const note = newText(desk.machine, await textOption(options.note))
  const said = followUps.filter((each) => each !== null)
  const accepted = await signOnGrant(
    desk,
    read,
    {
      verb: 'review',
      body: {
        finding: options.finding,
        evidenceDigest: answer.evidenceDigest,
        followUps: said.map(({ followUp }) => followUp),
        noteCommitment: note.commitment,
      },
      blobs: [note, ...said.map(({ text }) => text)],
    },
    options,
  )
  if (!accepted.ok) return accepted
  const { phase } = accepted.value
  return shown(
    { grant: read.grant.id, phase, finding: options.finding },
    phase ?? '',
    `Closed as ${options.finding}. Next: halligan case export ${read.grant.id}`,
  )
}

function parseFollowUp(
  { machine }: Desk,
  text: string,
): { followUp: FollowUp; text: Text } | null {
  const [, owner, days, words] = /^([a-z0-9._-]+):([0-9]{1,3}):(.+)$/s.exec(text) ?? []
  if (owner === undefined || words === undefined) return null
  const note = newText(machine, words)
  const due = (machine.now() + Number(days) * 86_400_000) as Instant
  return {
    followUp: { owner: owner as PrincipalId, noteCommitment: note.commitment, due },
    text: note,
  }
}

/** The digest that a verdict signs is computed here, over the very entries that were read. */
async function readEvidence(desk: Desk, id: string | undefined) {
  const read = await namedGrant(desk, id)
  if (!read.ok) return read
  const params = { grant: read.value.grant.id }
  const answer = await desk.client.call('review', { params })
  if (!answer.ok) return answer
  const { evidence, evidenceDigest } = answer.value
  const ids = read.value.entries.map(({ entry }) => entry.id)
  if (
    ids.join() !== evidence.entries.join() ||
    digestOf(nodeCrypto, evidence) !== evidenceDigest
  )
    return deceived(
      'other_entry',
      'the evidence named is not the evidence shown; read it again',
    )
  return { ok: true, value: { read: read.value, answer: answer.value } } as const
}

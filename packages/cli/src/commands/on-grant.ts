/**
 * The verbs that are one signature on one grant and say nothing more than that.
 *
 * @module
 */
import { type ActBody, type GrantId, parseGrantId } from '@halligan/core'
import type { Text } from '@halligan/sdk'
import { Command } from 'commander'
import { act, type Common, type Outcome, type Run, shown } from '../command.ts'
import {
  type Desk,
  namedGrant,
  newText,
  openDesk,
  signOffline,
  signOnGrant,
  textOption,
} from '../desk.ts'
import { usage } from '../refusal.ts'

type PlainVerb = 'approve' | 'deny' | 'withdraw' | 'revoke' | 'return'
type Options = Readonly<{ note?: string; out?: string }> & Common

const plain = (
  run: Run,
  verb: PlainVerb,
  description: string,
  done: (grant: GrantId, phase: string) => string,
): Command =>
  new Command(verb)
    .description(description)
    .argument('<grant>', 'the grant, e.g. g-…')
    .action(
      act<Options>(run, async (options, [id]) => {
        const desk = await openDesk(run.machine)
        if (!desk.ok) return desk
        if (options.out !== undefined && (verb === 'revoke' || verb === 'return'))
          return endOffline(desk.value, verb, id, options.out, options)
        const read = await namedGrant(desk.value, id)
        if (!read.ok) return read
        const note = options.note === undefined ? null : await textOption(options.note)
        const text = note === null ? null : newText(run.machine, note)
        const accepted = await signOnGrant(
          desk.value,
          read.value,
          { verb, body: bodyOf(text), blobs: text === null ? [] : [text] },
          options,
        )
        if (!accepted.ok) return accepted
        const { grant, phase = 'unknown' } = accepted.value
        const words = done(read.value.grant.id, phase)
        return shown({ grant, phase, act: accepted.value.act }, phase, words)
      }),
    )

/** For the hour in which no control plane answers. */
async function endOffline(
  desk: Desk,
  verb: 'revoke' | 'return',
  id: string | undefined,
  file: string,
  options: Options,
): Promise<Outcome> {
  const grant = parseGrantId(id ?? '')
  if (!grant.ok) return usage('malformed_grant', `${id} is not a grant id`, '')
  const signed = await signOffline(desk, { verb, grant: grant.value, file }, options)
  if (!signed.ok) return signed
  return shown(
    { file },
    file,
    `Signed, and told to nobody yet. Next, at the enforcer: halligan enforcer end --dir DIR --act ${file}`,
  )
}

const bodyOf = (note: Text | null): ActBody[PlainVerb] =>
  note === null ? {} : { noteCommitment: note.commitment }

export const approveCommand = (run: Run): Command =>
  plain(run, 'approve', 'approve exactly the terms shown', (grant, phase) =>
    phase === 'approved'
      ? `Approved. Next, the requester: halligan activate ${grant}`
      : `Your approval counts; more are needed. Next, another approver: halligan approve ${grant}`,
  )

export const denyCommand = (run: Run): Command =>
  plain(run, 'deny', 'refuse the request for good', () => 'Denied.').option(
    '--note <text>',
    'why; @FILE reads a file',
  )

export const withdrawCommand = (run: Run): Command =>
  plain(run, 'withdraw', 'take back your own request', () => 'Withdrawn.')

export const revokeCommand = (run: Run): Command =>
  plain(
    run,
    'revoke',
    'end an active grant now',
    (grant) =>
      `Revoked; access is being ended. Next: halligan watch ${grant} --until absent`,
  )
    .option('--note <text>', 'why; @FILE reads a file')
    .option(...offline)

export const returnCommand = (run: Run): Command =>
  plain(
    run,
    'return',
    'give back your own access early',
    (grant) =>
      `Returned; access is being ended. Next: halligan watch ${grant} --until absent`,
  ).option(...offline)

const offline = [
  '--out <file>',
  'asking no server: sign it into FILE, for the enforcer',
] as const

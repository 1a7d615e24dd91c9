/**
 * The verbs that are one signature on one grant and say nothing more than that.
 *
 * @module
 */
import type { ActBody, GrantId } from '@halligan/core'
import type { Text } from '@halligan/sdk'
import { Command } from 'commander'
import { act, type Common, type Run, shown } from '../command.ts'
import { namedGrant, newText, openDesk, signOnGrant, textOption } from '../desk.ts'

type PlainVerb = 'approve' | 'deny' | 'withdraw' | 'revoke' | 'return'
type Noted = Readonly<{ note?: string }>

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
      act<Noted & Common>(run, async (options, [id]) => {
        const desk = await openDesk(run.machine)
        if (!desk.ok) return desk
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
    (grant) => `Revoked; access is being ended. Next: halligan watch ${grant}`,
  ).option('--note <text>', 'why; @FILE reads a file')

export const returnCommand = (run: Run): Command =>
  plain(
    run,
    'return',
    'give back your own access early',
    (grant) => `Returned; access is being ended. Next: halligan watch ${grant}`,
  )

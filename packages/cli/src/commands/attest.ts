import { Command } from 'commander'
import { act, type Common, type Run, shown } from '../command.ts'
import { namedGrant, newText, openDesk, signOnGrant, textOption } from '../desk.ts'
import { chosenTarget } from './connect.ts'

type Options = Readonly<{ target?: string; note: string }> & Common

export const attestCommand = (run: Run): Command =>
  new Command('attest')
    .description(
      'vouch, as one of two people, that access on an unreachable target is gone',
    )
    .argument('<grant>', 'the grant, e.g. g-…')
    .requiredOption('--note <text>', 'how you know; @FILE reads a file')
    .option('--target <target>', 'which target, if the grant has several')
    .action(
      act<Options>(run, async (options, [id]) => {
        const desk = await openDesk(run.machine)
        if (!desk.ok) return desk
        const read = await namedGrant(desk.value, id)
        if (!read.ok) return read
        const target = chosenTarget(read.value, options.target)
        if (!target.ok) return target
        const note = newText(run.machine, await textOption(options.note))
        const body = { target: target.value, noteCommitment: note.commitment }
        const accepted = await signOnGrant(
          desk.value,
          read.value,
          { verb: 'attest', body, blobs: [note] },
          options,
        )
        if (!accepted.ok) return accepted
        const { phase } = accepted.value
        return shown(
          { grant: read.value.grant.id, phase },
          phase ?? '',
          'Attested. It takes two people; it will be shown as attested, never as absent.',
        )
      }),
    )

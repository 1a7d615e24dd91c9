import { Command } from 'commander'
import { act, type Common, type Outcome, type Run, shown } from '../command.ts'
import { type Desk, namedGrant, openDesk, signOnGrant } from '../desk.ts'
import { fromNow } from '../display/duration.ts'
import { publicPart } from '../seal-key.ts'
import { heldSealKey } from '../seal-key-file.ts'

export const activateCommand = (run: Run): Command =>
  new Command('activate')
    .description('start an approved grant; its life begins now')
    .argument('<grant>', 'the grant, e.g. g-…')
    .action(
      act<Common>(run, async (options, [id]) => {
        const desk = await openDesk(run.machine)
        return desk.ok ? activate(desk.value, id, options) : desk
      }),
    )

/** The key is on disk before the act leaves: a crash in between loses nothing that a `reveal` cannot mend. */
async function activate(
  desk: Desk,
  id: string | undefined,
  options: Common,
): Promise<Outcome> {
  const read = await namedGrant(desk, id)
  if (!read.ok) return read
  const grant = read.value.grant.id
  const key = await heldSealKey(desk, grant)
  const body = { sealTo: publicPart(key) }
  const accepted = await signOnGrant(desk, read.value, { verb: 'activate', body }, options)
  if (!accepted.ok) return accepted
  const after = await desk.client.grant(grant)
  if (!after.ok) return after
  const until = 'notAfter' in after.value.grant ? after.value.grant.notAfter : null
  const ends = until === null ? '' : ` It ends ${fromNow(until, desk.machine.now())}.`
  return shown(
    { grant, phase: accepted.value.phase, notAfter: until },
    accepted.value.phase ?? '',
    `Active.${ends} Next: halligan connect ${grant}`,
  )
}

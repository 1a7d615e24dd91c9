import { Command } from 'commander'
import { act, type Common, type Outcome, type Run, shown } from '../command.ts'
import { type Desk, namedGrant, openDesk, signOnGrant } from '../desk.ts'
import { newSealKey, publicPart } from '../seal-key.ts'
import { keepSealKey } from '../seal-key-file.ts'
import { chosenTarget } from './connect.ts'

type Options = Readonly<{ target?: string }> & Common

export const revealCommand = (run: Run): Command =>
  new Command('reveal')
    .description('get a new password for your active grant; the deadline stays')
    .argument('<grant>', 'the grant, e.g. g-…')
    .option('--target <target>', 'which target, if the grant has several')
    .action(
      act<Options>(run, async (options, [id]) => {
        const desk = await openDesk(run.machine)
        return desk.ok ? reveal(desk.value, id, options) : desk
      }),
    )

async function reveal(
  desk: Desk,
  id: string | undefined,
  options: Options,
): Promise<Outcome> {
  const read = await namedGrant(desk, id)
  if (!read.ok) return read
  const target = chosenTarget(read.value, options.target)
  if (!target.ok) return target
  const grant = read.value.grant.id
  const key = await newSealKey()
  const body = { target: target.value, sealTo: publicPart(key) }
  const accepted = await signOnGrant(desk, read.value, { verb: 'reveal', body }, options)
  if (!accepted.ok) return accepted
  await keepSealKey(desk, grant, key)
  return shown(
    { grant },
    '',
    `A new password is on its way. Next: halligan connect ${grant}`,
  )
}

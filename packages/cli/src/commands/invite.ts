import type { PrincipalId, PrincipalKind } from '@halligan/core'
import { base64url, digestOfBytes } from '@halligan/ledger'
import { nodeCrypto } from '@halligan/ledger/node'
import { Command, Option } from 'commander'
import { act, type Common, type Run, shown } from '../command.ts'
import { openDesk, sign } from '../desk.ts'

type Options = Readonly<{ kind: PrincipalKind; owner?: string }> & Common

export const inviteCommand = (run: Run): Command =>
  new Command('invite')
    .description(
      'let someone propose a key; it counts once the trustees put it in a roster',
    )
    .argument('<principal>', 'who is invited, e.g. eve')
    .addOption(
      new Option('--kind <kind>', 'a person or what kind of workload')
        .choices(['human', 'service_account', 'api_key', 'agent'])
        .default('human'),
    )
    .option('--owner <person>', 'who answers for a workload')
    .action(
      act<Options>(run, async (options, [person = '']) => {
        const desk = await openDesk(run.machine)
        if (!desk.ok) return desk
        const { client, joined } = desk.value
        const prepared = await client.prepare({ verb: 'invite' })
        if (!prepared.ok) return prepared
        const code = base64url.encode(run.machine.random(24))
        const codeDigest = digestOfBytes(nodeCrypto, new TextEncoder().encode(code))
        const body = {
          person: person as PrincipalId,
          kind: options.kind,
          owner: (options.owner as PrincipalId | undefined) ?? null,
          codeDigest,
        }
        const { nonce } = prepared.value
        const accepted = await sign(desk.value, { verb: 'invite', nonce, body }, options)
        if (!accepted.ok) return accepted
        const { server, rosterDigest } = joined
        return shown(
          { person, code },
          code,
          `Give this code to ${person}, once, in person. Next, ${person}:\n  halligan login --principal ${person} --server ${server} --trust ${rosterDigest} --code CODE`,
        )
      }),
    )

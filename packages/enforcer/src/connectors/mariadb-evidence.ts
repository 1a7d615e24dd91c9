import type { GrantId } from '@halligan/core'
import { oneLineOf, withoutPasswords } from './evidence-line.ts'
import { type Connect, onSession } from './mariadb-session.ts'
import type { SessionEvidence } from './port.ts'

const statementsAtMost = 5_000
const charactersAtMost = 256 * 1024

type Statement = Readonly<{
  at: string
  session: number
  command: string
  statement: string
}>

/**
 * What the general log's table has of the account's sessions, of a shared one since the grant checked it out. Never `complete`: nothing says that the log was on
 * all the time, statements inside procedures are not in it, and whoever may empty the table could have done so.
 */
export async function evidenceOf(
  connect: Connect,
  account: string,
  grant: GrantId,
): Promise<SessionEvidence> {
  const { statements, isOn } = await onSession(connect, async (session) => {
    const [server] = await session.call<{ logs_to_table: number }>('read_server')
    return {
      isOn: server?.logs_to_table === 1,
      statements: await session.call<Statement>(
        'read_statements',
        account,
        grant,
        statementsAtMost,
      ),
    }
  })
  const lines = statements.map(
    ({ at, session, command, statement }) =>
      `${at} ${session} ${command} ${oneLineOf(withoutPasswords(statement, 'mariadb'))}`,
  )
  if (!isOn) lines.push('the general log is not written to its table now')
  if (statements.length === statementsAtMost) lines.push('further statements are left out')
  const text = lines.join('\n')
  const cut = text.length > charactersAtMost
  return {
    what: `general log of ${account}`,
    text: cut ? `${text.slice(0, charactersAtMost)}\ncut here` : text,
    complete: false,
  }
}

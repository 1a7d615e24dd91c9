import { ask } from './openssh-host.ts'
import type { OpensshHost, OpensshSettings } from './openssh-settings.ts'

/** What a host's sshd, accounts and files come to for the profiles, as its helper says. */
export type Effective = Readonly<{
  /** What follows these words on the first line that begins with them; null where no line does. */
  value(...words: readonly string[]): string | null
}>

/** Changes nothing. Throws when the host is away, or its helper does not answer. */
export async function effectiveAt(
  settings: OpensshSettings,
  host: OpensshHost,
): Promise<Effective> {
  const said = await ask(settings, host, ['effective', accountsOf(settings).join(',')])
  return {
    value: (...words) => {
      const line = said.find((each) => words.every((word, at) => each[at] === word))
      return line === undefined ? null : line.slice(words.length).join(' ')
    },
  }
}

/** Each once, in the order of the profiles. */
export const accountsOf = ({ profiles }: OpensshSettings): readonly string[] => [
  ...new Set(Object.values(profiles).flatMap(({ principals }) => principals)),
]

export const hasAccount = ({ value }: Effective, account: string): boolean =>
  (value('uid', account) ?? '') !== ''

import type { GrantId, ProbeResult } from '@halligan/core'
import type { Opening } from './port.ts'

/** What is done about grants, in the one way for accounts of their own and in the other for a shared account. */
export type Access = Readonly<{
  user(grant: GrantId): string
  /** Answers the password. Throws `TooLate` once what was made, now or by an earlier call, is ended. */
  open(opening: Opening): Promise<string>
  reseal(grant: GrantId): Promise<string>
  isOpen(grant: GrantId): Promise<boolean>
  end(grant: GrantId): Promise<void>
  probe(grant: GrantId): Promise<readonly ProbeResult[]>
  /** Throws while the grant may still log in. */
  cleanUp(grant: GrantId): Promise<void>
}>

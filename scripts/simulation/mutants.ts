/**
 * For each invariant a bug that breaks it, put between the product and its ports. A check that does not catch its bug checks
 * nothing.
 *
 * @module
 */
import type { Mutant } from './bug.ts'
import { mutantAccounts } from './mutants/of-the-accounts.ts'
import { mutantEnforcers } from './mutants/of-the-enforcers.ts'
import { mutantServers } from './mutants/of-the-server.ts'

export const mutants: readonly Mutant[] = [
  ...mutantServers,
  ...mutantEnforcers,
  ...mutantAccounts,
].sort((one, other) => one.invariant - other.invariant)

import type { GrantId, Instant, PrincipalId, ProbeResult } from '@halligan/core'

/** What is to be made true for one grant on one target. */
export type Opening = Readonly<{
  grant: GrantId
  target: string
  /** For targets that confer rights on the account that a person has there already. */
  requester: PrincipalId
  /** Names, never rights themselves: what a name means is written at the target, or in this connector's settings. */
  privileges: readonly string[]
  overlapKey: string
  /** Checked inside the target's own transaction, on the target's own clock. */
  applyBefore: Instant
  /** The target carries this deadline too where it can. */
  deadline: Instant
}>

/** Made at the enforcer for this grant alone; sealed to the requester, never logged. */
export type Credential = Readonly<Record<string, string>>

export type Applied = Readonly<
  { kind: 'applied'; credential: Credential } | { kind: 'too_late'; targetNow: Instant }
>

/** Opaque to the enforcer; canonical JSON of what stood at the target. */
export type Snapshot = string

export type Difference = Readonly<{ what: string; object: string }>

/** Another grant of this enforcer on the same target, as its books have it now. */
export type Held = Readonly<{
  grant: GrantId
  requester: PrincipalId
  privileges: readonly string[]
  /**
   * `standing`: accepted, being applied or applied, so that its access must not be taken away. `ending`: not proven absent yet.
   * `closing`: absent, and not rotated or cleaned up yet.
   */
  phase: 'standing' | 'ending' | 'closing'
}>

/** What was done in a grant's own sessions, in the words of the target. `complete` is false when some of it is missing. */
export type SessionEvidence = Readonly<{ what: string; text: string; complete: boolean }>

/** `grave`: the connector must not be used so. Otherwise it is for an operator to know. */
export type Excess = Readonly<{ grave: boolean; words: string }>

/**
 * One kind of target. Every call settles within half a minute, by time limits of the connector's own. Every method may be called again after a crash at any point inside it, and may throw
 * when the target cannot be reached; the enforcer then counts the effect as UNKNOWN and tries again.
 */
export interface Connector {
  /**
   * How many grants may be between `end` and `probeAbsent` at once, for a connector that shares the work of those that
   * are ended together. Each still gets its own answer. Without it, what the enforcer does of anything at once.
   */
  readonly endsAtOnce?: number
  /** Takes the target for this enforcer alone, or throws `TargetTaken`. Held until `close`. */
  open(): Promise<void>
  close(): Promise<void>
  /** Everything a persistence diff compares. */
  snapshot(target: string): Promise<Snapshot>
  difference(before: Snapshot, after: Snapshot, grant: GrantId): readonly Difference[]
  /**
   * Idempotent per grant: applying again replaces the credential and never makes a second identity. `too_late`
   * has made nothing, and has ended what an earlier call may have made.
   */
  apply(opening: Opening): Promise<Applied>
  /** A new credential for a standing grant; same deadline. Throws for one that is to end. */
  reseal(grant: GrantId, target: string): Promise<Credential>
  /** True once the target itself shows the access. */
  probePresent(grant: GrantId, target: string): Promise<boolean>
  /** Lock out, end sessions, remove. Returns once asked; only `probeAbsent` says whether it held. */
  end(grant: GrantId, target: string): Promise<void>
  /**
   * Read from the target, on a fresh connection: one opened after this call was made, which other calls may share. All
   * `absent` true: the access is gone.
   */
  probeAbsent(grant: GrantId, target: string): Promise<readonly ProbeResult[]>
  /** Drops what is left. Throws with the reason while it cannot; access is already gone. */
  cleanup(grant: GrantId, target: string): Promise<void>
  /** Grants of which this target shows access, whoever knows of them: drift is what no order explains. */
  standing(target: string): Promise<readonly GrantId[]>
  /**
   * Of the grants in the books, those of which the connector's own note cannot be read. They still end, by what the books and
   * the target say; nothing is applied or resealed for them.
   */
  unreadable?(target: string): Promise<readonly GrantId[]>
  /** What the connector's own credential may do beyond its work. Empty is well. */
  excess?(target: string): Promise<readonly Excess[]>
  /**
   * What the settings, or these privileges of the guard, name and the target has not, in words: an opening would fail for it.
   * Empty is well.
   */
  lacks?(target: string, privileges: readonly string[]): Promise<readonly string[]>
  /**
   * Why this opening can never be applied here as it stands, as a stable code for the receipt, such as `unknown_privilege`,
   * `no_account` or `account_in_use`; null when it can. Asks the target nothing. The enforcer itself lets an opening wait while
   * the account is on its way back from somebody, and asks this when it is not.
   */
  refuses?(opening: Opening): string | null
  /** The shared account that these privileges check out, or null: its secret is exposed by `apply` and must be rotated. */
  sharedAccount?(privileges: readonly string[]): string | null
  /** Shared and sealed accounts that are kept here, in use or not. */
  accounts?(): readonly string[]
  /**
   * A new secret for the account, in the vault before it is at the target. Proven by probes: the old secret opens nothing
   * (`old_secret`), the new one is not refused (`new_secret_refused`), both `absent`. Again after a crash: succeeds.
   * Throws while a grant that is `standing` or `ending` has the account.
   */
  rotate?(account: string): Promise<readonly ProbeResult[]>
  /** Read after absence and before `cleanup`. Null where the target keeps none. */
  evidence?(grant: GrantId, target: string): Promise<SessionEvidence | null>
  /** Access that only this connector's rights can have made and that is no grant's: always drift (EN-26). */
  strangers?(target: string): Promise<readonly Difference[]>
}

/** The target refused the connector's own credential: it was rotated or has expired (C-07). */
export class CredentialRefused extends Error {
  override readonly name = 'CredentialRefused'
}

export class TargetTaken extends Error {
  override readonly name = 'TargetTaken'
}

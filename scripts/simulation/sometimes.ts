import type { Outcome } from './simulate.ts'

/**
 * What has to happen in some simulation of twenty: a fault that never came, a step that nobody reached and a refusal that
 * was never given prove nothing.
 */
export const mustHappenSometimes: readonly string[] = [
  ...['message lost', 'message delayed', 'message delivered ten times', 'partition'].map(
    fault,
  ),
  ...['crash of the server', 'crash of an enforcer', 'reboot of a host'].map(fault),
  ...['disk of the server full', 'commit kept that was said to have failed'].map(fault),
  ...['disk of an enforcer full', 'wall clock set', 'wall clock frozen'].map(fault),
  ...['host suspended', 'target down', 'target slow', 'answer of a target lost'].map(fault),
  ...['target says OK and keeps the access', 'target keeps sessions'].map(fault),
  ...['target keeps secrets', 'call overtaken by the next'].map(fault),
  ...['target refuses cleanup', 'call arrives ten times', 'old backup restored'].map(fault),
  ...['pager down', 'second enforcer on the same targets: TargetTaken'].map(fault),
  fault('second server on the same folder: StorageFailed'),
  ...['openIncident', 'closeIncident', 'request', 'approve', 'deny', 'withdraw'].map(done),
  ...['activate', 'return_', 'revoke', 'reveal', 'read', 'review', 'attest'].map(done),
  ...['endByAct', 'replay', 'peek'].map(done),
  ...['approve', 'activate', 'forge', 'falseBearer', 'spendTwice', 'review'].map(refused),
  ...['read', 'revoke', 'endByAct'].map(refused),
  ...['apply', 'reseal', 'end', 'cleanup'].map((kind) => step(`${kind} at a target`)),
  ...['use of a target', 'local end', 'act sent again and answered'].map(step),
  step('log verified beside its work'),
  ...['secret of a shared account handed out'].map(step),
  ...['rotate done', 'rotate account_in_use', 'rotate target_failed'].map(step),
  ...['end journalled', 'served from a log that was rolled back'].map(step),
  ...['overdue', 'attested', 'drift', 'safe_mode_entered', 'safe_mode_left'].map(entry),
  ...['lapsed', 'expired', 'revoked', 'returned', 'closed'].map(entry),
  ...['access opened at a target', 'access ended at a target'],
]

function fault(what: string): string {
  return `fault: ${what}`
}

function step(what: string): string {
  return `step: ${what}`
}

function done(what: string): string {
  return `step: ${what} done`
}

function refused(what: string): string {
  return `step: ${what} refused`
}

function entry(what: string): string {
  return `entry: ${what}`
}

export type Sum = Readonly<{
  events: number
  counts: ReadonlyMap<string, number>
  checks: ReadonlyMap<number, number>
}>

export function sumOf(outcomes: readonly Outcome[]): Sum {
  const counts = new Map<string, number>()
  const checks = new Map<number, number>()
  for (const { tally } of outcomes) {
    for (const [what, times] of tally.counts)
      counts.set(what, (counts.get(what) ?? 0) + times)
    for (const [which, times] of tally.checks)
      checks.set(which, (checks.get(which) ?? 0) + times)
  }
  const events = outcomes.reduce((sum, outcome) => sum + outcome.events, 0)
  return { events, counts, checks }
}

export const neverHappened = ({ counts }: Sum): readonly string[] =>
  mustHappenSometimes.filter((what) => !counts.has(what))

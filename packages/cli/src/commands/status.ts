import type { StatusAnswer } from '@halligan/contract'
import { type Grant, isSettled, owesRotation } from '@halligan/core'
import type { ReadGrant } from '@halligan/sdk'
import { Command } from 'commander'
import { act, type Common, type Outcome, type Run, shown } from '../command.ts'
import { type Desk, namedGrant, openDesk } from '../desk.ts'
import { alertRows, estateAlertRows } from '../display/alert.ts'
import { fromNow } from '../display/duration.ts'
import { endsRows, overdueRows } from '../display/ends.ts'
import { history } from '../display/entry.ts'
import { type Rows, termsRows } from '../display/statement.ts'
import { list, table } from '../display/table.ts'
import { stateWords, targetRows } from '../display/target.ts'
import { visible, visibleName } from '../display/visible.ts'

type Options = Readonly<{ phase?: string; requester?: string; limit: string }> & Common

export const statusCommand = (run: Run): Command =>
  new Command('status')
    .description('the estate and its grants, or one grant whole')
    .argument('[grant]', 'one grant, with its terms, targets and history')
    .option('--phase <phases>', 'only these, e.g. pending,active')
    .option('--requester <id>', 'only of this requester')
    .option('--limit <n>', 'at most so many', '20')
    .action(
      act<Options>(run, async (options, [id]) => {
        const desk = await openDesk(run.machine)
        if (!desk.ok) return desk
        return id === undefined
          ? estateStatus(desk.value, options)
          : grantStatus(desk.value, id)
      }),
    )

async function estateStatus(
  { client, machine }: Desk,
  { phase, requester, limit }: Options,
): Promise<Outcome> {
  const status = await client.call('status')
  if (!status.ok) return status
  const grants = await client.call('grants', { query: { phase, requester, limit } })
  if (!grants.ok) return grants
  const { estate, size, rosterVersion, bundleDigest, reviews } = status.value
  const head = list([
    ['estate', visible(estate)],
    ['ledger', `${size} entries`],
    ['roster', `version ${rosterVersion}`],
    ['policy', bundleDigest ?? 'none in force'],
    ['reviews', `${reviews.open} open, ${reviews.overdue} overdue`],
    ...endsRows(status.value.ends),
    ...overdueRows(status.value.grants),
    ...estateAlertRows(status.value.alerts),
    ...safeModeRows(status.value),
  ])
  const rows = grants.value.items.map((grant) => grantRow(grant, machine.now()))
  const below = table(['GRANT', 'PHASE', 'REQUESTER', 'ENTITLEMENT', 'INCIDENT', ''], rows)
  return shown(
    { ...status.value, items: grants.value.items },
    rows.length === 0 ? head : `${head}\n\n${below}`,
  )
}

/** A cause that passes by itself says when. */
const safeModeRows = ({ safeMode, logCheck }: StatusAnswer): Rows => [
  ...(safeMode.length === 0
    ? []
    : [['SAFE MODE', safeMode.map(visible).join(', ')] as const]),
  ...(logCheck === undefined
    ? []
    : [['', `${visible(logCheck.detail)}; nothing is opened until then`] as const]),
]

const grantRow = (grant: Grant, now: number): readonly string[] => [
  visible(grant.id),
  grant.phase,
  visible(grant.terms.requester),
  visible(grant.terms.entitlement),
  visible(grant.terms.incident),
  [grant.drill ? 'DRILL' : '', countdown(grant, now)].filter(Boolean).join(' '),
]

/** The clock that matters in this phase. */
export function countdown(grant: Grant, now: number): string {
  if ('until' in grant) return `lapses ${fromNow(grant.until, now)}`
  if (grant.phase === 'active') return `ends ${fromNow(grant.notAfter, now)}`
  if (grant.phase === 'closed') return grant.finding
  if (!('targets' in grant)) return ''
  const open = grant.targets.filter((target) => !isSettled(target))
  if (open.length > 0)
    return `still ending at ${open.map((target) => `${visibleName(target.target)} (${stateWords(target)})`).join(', ')}`
  const exposed = grant.targets.filter(owesRotation)
  if (exposed.length > 0)
    return `secret not rotated at ${exposed.map(({ target }) => visibleName(target)).join(', ')}`
  return `review due ${fromNow(grant.review.due, now)}`
}

async function grantStatus(desk: Desk, id: string): Promise<Outcome> {
  const read = await namedGrant(desk, id)
  if (!read.ok) return read
  const { grant, entries, notices, texts } = read.value
  const now = desk.machine.now()
  const text = [
    grantText(read.value, now, alertRows(read.value)),
    history(read.value.entries, read.value.texts),
  ].join('\n\n')
  const whole = { grant, entries, notices, texts: Object.fromEntries(texts) }
  return shown(whole, text, nextStep(grant))
}

/** `more` goes below, in the same columns. */
export function grantText(
  { grant, texts }: ReadGrant,
  now: number,
  more: Rows = [],
): string {
  const rows: (readonly [string, string])[] = [
    ['phase', [grant.phase, countdown(grant, now)].filter(Boolean).join(', ')],
    ['terms', grant.termsDigest],
  ]
  if (grant.drill) rows.unshift(['DRILL', 'a rehearsal, marked so in the ledger'])
  if ('approvers' in grant)
    rows.push(['approved by', grant.approvers.join(', ') || 'nobody'])
  if ('targets' in grant)
    for (const target of grant.targets) rows.push(...targetRows(target, texts))
  return list([...rows, ...termsRows(grant.terms, texts), ...more])
}

function nextStep({ id, phase }: Grant): string {
  switch (phase) {
    case 'pending':
      return `Next, an approver: halligan approve ${id}`
    case 'approved':
      return `Next, the requester: halligan activate ${id}`
    case 'active':
      return `Next: halligan connect ${id}, or halligan return ${id}`
    case 'under_review':
      return `Next, a reviewer: halligan review show ${id}`
    case 'closed':
      return `Next: halligan case export ${id}`
    default:
      return ''
  }
}

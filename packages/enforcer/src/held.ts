import type { GrantId } from '@halligan/core'
import type { Held } from './connectors/port.ts'
import { type Hold, holdIn, mayStand } from './state.ts'
import type { Books } from './store/port.ts'

/** What a connector is told of the grants on its target, so that overlapping ones are counted (EN-17). */
export const heldIn =
  (books: Pick<Books, 'unfinished' | 'hold'>) =>
  (target: string, grant?: GrantId): readonly Held[] =>
    grant === undefined
      ? books
          .unfinished()
          .filter((hold) => hold.target === target)
          .flatMap((hold) => heldBy(hold) ?? [])
      : [heldBy(books.hold(grant, target)) ?? []].flat()

function heldBy(hold: Hold): Held | null {
  const { grant } = hold
  if (mayStand(hold)) return { grant, ...asked(hold.order), phase: 'standing' }
  if (!holdIn(hold, 'ending', 'absent') || hold.opened === null) return null
  if (holdIn(hold, 'absent') && hold.cleaned) return null
  const phase = holdIn(hold, 'ending') ? 'ending' : 'closing'
  return { grant, ...asked(hold.opened.order), phase }
}

const asked = ({ requester, privileges }: Pick<Held, 'requester' | 'privileges'>) => ({
  requester,
  privileges,
})

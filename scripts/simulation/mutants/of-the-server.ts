import type { Bug, Mutant } from '../bug.ts'
import { rememberingCrypto } from '../crypto.ts'
import { agents } from '../estate.ts'
import { seenAs, withTx } from './bend.ts'

/** Nobody counts as the requester of the grants of whom `fits` names. */
const withoutClosure = (fits: (requester: string) => boolean): Bug => ({
  store: (store) =>
    seenAs(store, (view) => ({
      ...view,
      grant(id) {
        const grant = view.grant(id)
        if (grant === null || !fits(grant.terms.requester)) return grant
        return { ...grant, closure: [] }
      },
    })),
})

export const mutantServers: readonly Mutant[] = [
  {
    invariant: 2,
    name: 'a store acknowledges what it then takes back',
    faults: [],
    bug: {
      store: (store, world) => ({
        ...store,
        transact(now, work) {
          if (!world.dice.chance(0.1)) return store.transact(now, work)
          let outcome: ReturnType<typeof work> | undefined
          try {
            store.transact(now, (batch) => {
              outcome = work(batch)
              throw new Error('taken back')
            })
          } catch (error) {
            if (outcome === undefined) throw error
          }
          return outcome as ReturnType<typeof work>
        },
      }),
    },
  },
  {
    invariant: 3,
    name: 'a server takes any signature for right',
    faults: [],
    bug: { serverCrypto: { ...rememberingCrypto, verifyEd25519: () => true } },
  },
  {
    invariant: 4,
    name: 'a server forgets that a requester does not approve',
    faults: [],
    bug: withoutClosure((requester) => !Object.hasOwn(agents, requester)),
  },
  {
    invariant: 7,
    name: 'a store calls every nonce unused',
    faults: [],
    bug: {
      store: (store) =>
        withTx(store, (tx) => ({
          ...tx,
          useNonce: (nonce, expires) => tx.useNonce(nonce, expires) || true,
        })),
    },
  },
  {
    invariant: 9,
    name: 'a server marks nothing overdue',
    faults: ['targetLies', 'targetKeepsSessions', 'targetDown'],
    bug: {
      store: (store) =>
        seenAs(store, (view) => ({
          ...view,
          due: (now, limit) =>
            view.due(now, limit).filter(({ kind }) => kind !== 'overdue'),
          overdue: () => [],
        })),
    },
  },
  {
    invariant: 12,
    name: 'a proxy lends a good bearer to who brings a bad one',
    faults: [],
    bug: {
      front(answer) {
        let good: string | null = null
        return async (question) => {
          const { authorization } = question
          const reply = await answer(question)
          if (reply?.status === 200 && authorization !== null) good = authorization
          return reply?.status === 401 && good !== null
            ? answer({ ...question, authorization: good })
            : reply
        }
      },
    },
  },
  {
    invariant: 13,
    name: 'a store has another head from time to time',
    faults: [],
    bug: {
      store: (store, world) =>
        seenAs(store, (view) => ({
          ...view,
          head() {
            const head = view.head()
            if (head.size < 6 || !world.dice.chance(0.2)) return head
            return { ...head, root: Buffer.alloc(32, 1).toString('base64') }
          },
        })),
    },
  },
  {
    invariant: 14,
    name: 'somebody writes to a table past the log',
    faults: [],
    bug: {
      store: (store) => ({
        ...store,
        transact(now, work) {
          const outcome = store.transact(now, work)
          if (store.view().head().size > 30)
            store
              .database()
              .exec(
                "UPDATE grants SET phase = 'closed' WHERE phase IN ('denied', 'lapsed')",
              )
          return outcome
        },
      }),
    },
  },
  {
    invariant: 15,
    name: 'an anchor forgets with its process',
    faults: ['backup', 'restore'],
    bug: {
      anchor(file) {
        let text: string | null = null
        return {
          read: async () => text ?? file.read(),
          async replace(next) {
            text = next
          },
        }
      },
    },
  },
  {
    invariant: 17,
    name: 'a store loses the review that an activation opens',
    faults: [],
    bug: {
      store: (store) =>
        withTx(store, (tx) => ({
          ...tx,
          append(draft) {
            if (draft.kind !== 'review_opened') return tx.append(draft)
            const [last] = tx.entries(tx.head().size - 2, 1)
            return last ?? tx.append(draft)
          },
        })),
    },
  },
  {
    invariant: 19,
    name: 'a store to which every incident is open and grave',
    faults: [],
    bug: {
      store: (store) =>
        seenAs(store, (view) => ({
          ...view,
          incident(id) {
            const incident = view.incident(id)
            return incident === null ? null : { ...incident, severity: 1, closedAt: null }
          },
        })),
    },
  },
  {
    invariant: 22,
    name: 'a store remembers no answer',
    faults: [],
    bug: {
      store: (store) => ({
        ...store,
        resultOf: () => null,
        transact: (now, work) =>
          store.transact(now, (batch) =>
            work({ ...batch, resultOf: () => null, keepResult: () => {} }),
          ),
      }),
    },
  },
  {
    invariant: 23,
    name: 'a server forgets whose agent it is',
    faults: [],
    bug: withoutClosure((requester) => Object.hasOwn(agents, requester)),
  },
]

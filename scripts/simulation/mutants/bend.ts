import type { Instant } from '@halligan/core'
import type { Connector } from '../../../packages/enforcer/src/connectors/port.ts'
import type { Batch, Tx, View } from '../../../packages/server/src/store/port.ts'
import type { SqliteStore } from '../../../packages/server/src/store/sqlite.ts'
import type { Bug } from '../bug.ts'
import type { World } from '../world.ts'

/** Every connector, with some of its methods replaced. */
export const everyConnector =
  (
    bend: (connector: Connector, world: World, target: string) => Partial<Connector>,
  ): NonNullable<Bug['connector']> =>
  (connector, target, world) => {
    const bent = bend(connector, world, target)
    return new Proxy(connector, {
      get: (port, name, receiver) =>
        Object.hasOwn(bent, name)
          ? Reflect.get(bent, name, receiver)
          : Reflect.get(port, name, receiver),
    })
  }

export const later = (world: World, millis: number) =>
  (world.agenda.now() + millis) as Instant

/** The store, with another hand on its transactions. */
export const withTx = (store: SqliteStore, bend: (tx: Tx) => Tx): SqliteStore => ({
  ...store,
  transact: (now, work) =>
    store.transact(now, (batch) =>
      work({ ...batch, attempt: (run) => batch.attempt((tx) => run(bend(tx))) } as Batch),
    ),
})

/** The store with another view of itself, inside transactions and outside. */
export const seenAs = (
  store: SqliteStore,
  bend: <V extends View>(view: V) => V,
): SqliteStore => ({
  ...withTx(store, bend),
  view: () => bend(store.view()),
})

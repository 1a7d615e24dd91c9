import type { Journal } from './journal.ts'
import type { SafeMode } from './safe-mode.ts'
import type { SteadyClock } from './steady-clock.ts'
import type { JournalItem, Store, WriterRefusal } from './store/port.ts'

export type Admitted = Readonly<{ ending?: boolean; journal?: JournalItem }>

/** What the writer asks before a batch. Cheap: it is asked each time. */
export interface Admission {
  /** Whether the clock is steady and the files under the store are still those that were opened. */
  lookAround(): void
  /** Null: run it. In SAFE MODE an end still runs, or goes to the journal, and all else waits (INV-18). */
  whyNot(command: Admitted): WriterRefusal | null
}

export function createAdmission(
  parts: Readonly<{
    store: Store
    clock: SteadyClock
    journal: Journal
    safeMode: SafeMode
  }>,
): Admission {
  const { store, clock, journal, safeMode } = parts

  /** A disk that takes no line refuses this one end, and the others with it; it ends no process. */
  const journalled = (item: JournalItem): WriterRefusal => {
    try {
      return { code: 'journalled', seq: journal.append(item, clock.now()) }
    } catch (error) {
      if (!(error instanceof Error) || !('syscall' in error)) throw error
      return { code: 'outcome_unknown' }
    }
  }

  return {
    lookAround() {
      if (!store.inPlace())
        safeMode.enter('store_replaced', 'the file under the store is another one')
      const off = clock.jumpedBy()
      if (off === null) safeMode.leave('clock_jumped')
      else safeMode.enter('clock_jumped', `the wall clock is off by ${off} ms`)
    },
    whyNot(command) {
      const reports = safeMode.causes()
      const causes = reports.map(({ cause }) => cause)
      if (causes.length === 0) return null
      if (safeMode.contradicted()) {
        if (command.journal === undefined) return { code: 'safe_mode', causes }
        return journalled(command.journal)
      }
      if (command.ending === true) return null
      if (causes.includes('clock_jumped')) return { code: 'clock_unsafe' }
      const wait = reports.find(({ cause }) => cause === 'log_unverified')
      return { code: 'safe_mode', causes, ...(wait && { detail: wait.detail }) }
    },
  }
}

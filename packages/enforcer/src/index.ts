export type { Connector, Credential, Opening } from './connectors/port.ts'
export { TargetTaken } from './connectors/port.ts'
export { type Daemon, type DaemonPace, startDaemon, usualDaemonPace } from './daemon.ts'
export { type Bound, type Clocks, mustEnd, remainingMillis } from './deadline.ts'
export { endAll, endByAct, endGrant } from './end-locally.ts'
export type {
  Clock,
  ControlPlane,
  Log,
  Note,
  Random,
  Scheduler,
  Sealer,
} from './ports.ts'
export type { Site } from './site.ts'
export { advance, type Hold, type HoldEvent, mayStand, unheld } from './state.ts'
export { type Books, StateTaken } from './store/port.ts'
export { openBooks } from './store/sqlite.ts'

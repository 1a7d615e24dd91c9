/** The control plane as a value: for whoever composes it with other clocks, disks and networks. */
export { type Instance, type InstanceOptions, openInstance } from './instance.ts'
export type { Clock, Net, Random, Scheduler } from './ports.ts'

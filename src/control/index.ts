/** The control plane: what a running vnet is asked, and by whom it is found. */
export { ControlClient } from './client.ts'
export type { Device, DeviceStats } from './device-stats.ts'
export { type Found, findVnets } from './find.ts'
export { type QueueEvents, queueEvents, sumOfEvents } from './queue-events.ts'
export { type ServerOptions, serveControl } from './server.ts'

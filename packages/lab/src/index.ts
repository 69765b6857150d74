/**
 * '@vnet/lab': createLab makes a network in a test, and explore runs a scenario with every fault.
 * Hosts are network namespaces, cables with wires join them, and everything is removed at the end
 * of the scope:
 *
 *     await using lab = await createLab({ seed: 7 })
 *     const [client, server] = lab.hosts('client', 'server')
 *     const link = await lab.cable(client, server, { wire: 'delay 20ms loss 1%' })
 *     await server.listen(http.createServer(answer), 8080)
 *     const response = await client.fetch('http://server:8080/')
 */
export type { Direction, FaultAction, FaultWhen } from 'vnet/wire'
export type { DirectionReport, EndReport, LabFaultAction, LinkReport } from './carrier/protocol.ts'
export * from './explore/index.ts'
export type { LabInterface } from './model/hosts.ts'
export type { StreamServer } from './model/place.ts'
export { LabUnavailableError } from './model/rights.ts'
export { createLab } from './network/create-lab.ts'
export { type TapHostOptions, tapHost } from './network/create-tap-host.ts'
export type { LabFault } from './network/fault.ts'
export type { LabHost } from './network/host.ts'
export type { HostProgram } from './network/host-start.ts'
export type { Lab, LabOptions } from './network/lab.ts'
export type { LabLan, LabLanOptions } from './network/lan.ts'
export type { LabLink, LinkDirection, LinkEvents } from './network/link.ts'
export type { LabCableOptions } from './network/links.ts'
export type { LabRouter, LabRouterOptions } from './network/router.ts'
export type { TapHost } from './network/tap-host.ts'
export type { CableEntry, LanEntry, Made, RouterEntry, Topology } from './network/topology.ts'
export type { ExecOptions, ExecResult, HostCounters, LabSpawnOptions } from './world/host-stack.ts'
export type { LabRequestInit } from './world/pools.ts'
export type { WireDirections, WireSpec } from './world/wire-spec.ts'
export type { WorldName } from './world/world.ts'

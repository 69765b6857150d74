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
export type { FaultAction, FaultWhen } from 'vnet/internal/wire/stages/fault'
export type { Direction } from 'vnet/internal/wire/wire'
export { createLab } from './create-lab.ts'
export * from './explore/index.ts'
export type { LabFault } from './fault.ts'
export type { LabHost } from './host.ts'
export type { HostCounters } from './host-stack.ts'
export type { LabInterface } from './hosts.ts'
export type { Lab, LabOptions } from './lab.ts'
export type { LabLan, LabLanOptions } from './lan.ts'
export type { LabLink, LinkDirection, LinkEvents } from './link.ts'
export type { LabCableOptions } from './links.ts'
export type { HostProgram } from './nemesis/host-start.ts'
export type { StreamServer } from './place.ts'
export type { ExecOptions, ExecResult, LabSpawnOptions } from './programs.ts'
export type { DirectionReport, EndReport, LinkReport } from './protocol.ts'
export type { LabRequestInit } from './requests.ts'
export { LabUnavailableError } from './rights.ts'
export type { LabRouter, LabRouterOptions } from './router.ts'
export type { CableEntry, LanEntry, Made, RouterEntry, Topology } from './topology.ts'
export type { WireDirections, WireSpec } from './wire-spec.ts'
export type { WorldName } from './world.ts'

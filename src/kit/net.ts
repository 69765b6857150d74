/**
 * 'vnet/kit/net', for the packages of this repository, of the same version: what calls the kernel
 * for interfaces, routes, namespaces and packet sockets.
 */
export { checkAddresses } from '../linux/check-addresses.ts'
export { type WatchedState, watchLink } from '../linux/links/watch.ts'
export { inNetns, openNetnsOf } from '../linux/netns-name.ts'
export {
  openFilteredSocket,
  openPacketSocket,
  socketFilter,
} from '../linux/packet-socket.ts'
export { compileFilter, compileNumericFilter, nameIn } from '../linux/pcap-filter.ts'
export {
  addAddress,
  addressesOf,
  familyOf,
  getAddresses,
} from '../linux/rtnetlink/address.ts'
export { getLink, getLinks, type Link, setLink } from '../linux/rtnetlink/link.ts'
export {
  addRule,
  getRoutes,
  type Route,
  RT_TABLE_LOCAL,
  setNetworkRoute,
} from '../linux/rtnetlink/route.ts'
export { RouteSocket } from '../linux/rtnetlink/route-socket.ts'
export { netnsCookie } from '../linux/socket-identity.ts'
export { hasSysctl, readSysctl, writeSysctl } from '../linux/sysctl.ts'
export * as uapi from '../linux/uapi.ts'
export { WayOut } from '../linux/way-out.ts'

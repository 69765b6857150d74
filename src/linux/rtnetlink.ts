/** Links, addresses, routes and namespace ids, read and changed over a RouteSocket. */
export * from './rtnetlink/address.ts'
export * from './rtnetlink/link.ts'
export * from './rtnetlink/nsid.ts'
export * from './rtnetlink/route.ts'
export { RouteSocket } from './rtnetlink/route-socket.ts'
export * from './rtnetlink/traffic-control.ts'

/** rtnetlink: links, addresses, routes and namespace ids, over a RouteSocket. Synchronous; see rtnetlink/route-socket.ts. */
export { addAddress, getAddresses, type InterfaceAddress } from './rtnetlink/address.ts'
export { addGatewayRoute, addIncomingRule, delGatewayRoute, setDefaultRoute } from './rtnetlink/default-route.ts'
export { delLink, getLink, getLinks, type LinkChanges, setLink } from './rtnetlink/link.ts'
export type { Link, TunInfo } from './rtnetlink/link-message.ts'
export { nsidOf } from './rtnetlink/nsid.ts'
export { getRoutes, hasLocalRoutes, overlappingRoute, type Route } from './rtnetlink/route.ts'
export { RouteSocket } from './rtnetlink/route-socket.ts'

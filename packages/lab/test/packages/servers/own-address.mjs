/** The IPv4 address of the host: without a route for groups, they need an interface. */
import { networkInterfaces } from 'node:os'

export const ownAddress = () =>
  Object.values(networkInterfaces())
    .flat()
    .find(({ family, internal }) => family === 'IPv4' && !internal).address

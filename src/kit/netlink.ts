/**
 * 'vnet/kit/netlink', for the packages of this repository, of the same version: messages of
 * netlink, as functions over bytes.
 */
export * as netlink from '../netlink/index.ts'

/**
 * 'vnet/kit/drivers', for the packages of this repository, of the same version: packets of the far
 * network of a driver, and its replies.
 */
export {
  createPacket,
  ICMP_CHECK,
  isChecksumRight,
  isIcmpChecksumRight,
  type Packet,
  parse4,
  parse6,
  setPositions,
} from '../drivers/far/packet.ts'
export {
  echo,
  fillChecksum,
  IPDEFTTL,
  setPlain,
  solicitorAt,
  toAdvertisement,
  toArpReply,
  turnAround,
} from '../drivers/far/reply.ts'
export { flipAddress } from '../drivers/flip/address.ts'

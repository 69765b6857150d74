/** A GSO frame on a wire: how many packets it is, and which of its packets it is made of. */
import { get16 } from '../packet/octets.ts'
import { CHECKSUM_PARTIAL, SKB_GSO_UDP_L4, type SkBuff } from '../skb/sk-buff.ts'

const UDP_HLEN = 8

/** Returns the number of packets that a frame stands for: its segments, 1 if it is not GSO. */
export function packetsOf(skb: SkBuff): number {
  return skb.gsoSize === 0 ? 1 : segmentsOf(skb)
}

/** The transport header begins where the partial checksum does, which every GSO frame has. */
function segmentsOf({ bytes, data, len, gsoSize, gsoType, ipSummed, csumStart }: SkBuff): number {
  if (ipSummed !== CHECKSUM_PARTIAL) return 1
  const header = gsoType === SKB_GSO_UDP_L4 ? UDP_HLEN : (get16(bytes, csumStart + 12) >>> 12) * 4
  return Math.max(1, Math.ceil((len - (csumStart - data) - header) / gsoSize))
}

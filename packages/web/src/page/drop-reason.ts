const alike = (text: string, ...reasons: readonly string[]) => Object.fromEntries(reasons.map(name => [name, text]))

/** The meaning of each drop reason, from docs/statistics.md. */
export const CAUSES: Readonly<Record<string, string>> = {
  NOT_SPECIFIED: 'the driver gave no reason',
  PKT_TOO_SMALL: 'shorter than the header that it must have',
  PKT_TOO_BIG: "longer than the receiver's MTU allows, and not GSO",
  DEV_READY: 'the receiving device is down or deleted',
  DEV_STOPPED: 'the device was stopped while the frame was in its rings',
  FULL_RING: "the driver's receive ring was full",
  NOMEM: 'the frame pool had no free slot',
  UNHANDLED_PROTO: 'neither IPv4 nor IPv6, so without an address to translate',
  IP_INHDR: 'the version or a length in the IP header is wrong',
  L4_HDR: 'the transport header is truncated',
  IP_NOT_TRANSLATABLE: 'an address without a far end',
  IP_AUTH: 'an authentication header covers the addresses',
  IP_SOURCE_ROUTE: 'a routing header or source route contains more addresses',
  NEIGH: 'an ARP or neighbour discovery message that the driver does not answer',
  DRIVER_EXCEPTION: 'ndoStartXmit threw',
  HDR_TRUNC: 'the kernel refused the frame as malformed',
  KERNEL_ERROR: 'the kernel did not accept the frame for another reason',
  SKB_GSO_SEG: 'a GSO frame that cannot be segmented',
  SKB_CSUM: 'the field of a partial checksum is outside the frame',
  WIRE_LOSS: 'dropped on purpose by a wire',
  OTHERHOST: 'the receive filter passes neither the address nor the group',
  QDISC_DROP: 'the queue that ndoSelectQueue chose is stopped and full',
  QDISC_OVERLIMIT: 'a queue or a wire was full',
  QDISC_CONGESTED: 'the congestion control of a queue (RED, CoDel) dropped the packet',
  COPIES: 'a wire had made 64 frames of one frame already',
  CUT: 'vnet cut of an interface that vnet is attached to',
  ...alike('the receiver of the packet found a wrong checksum', 'IP_CSUM', 'TCP_CSUM', 'UDP_CSUM', 'ICMP_CSUM'),
  MAC_INVALID_SOURCE: 'the source hardware address is zero or a group address',
  IP_INADDRERRORS: 'a simulated host received a packet for another address, or from one that no host can have',
  NEIGH_FAILED: 'the hardware address of the destination is unknown; or an invalid neighbour solicitation',
  FRAG_REASM: 'a fragment: simulated hosts do not reassemble',
  HANDLER_EXCEPTION: 'a handler of a simulated host threw',
  CPU_BACKLOG: 'the kernel accepted no frame until the queue toward it was full',
  ...alike(
    'receive faults of real hardware: overrun, check sequence, alignment, FIFO',
    'RX_OVER',
    'RX_CRC',
    'RX_FRAME',
    'RX_FIFO',
  ),
  RX_NOHANDLER: 'the device does not receive frames',
  ...alike(
    'transmit faults of real hardware: abort, no carrier, underrun, heartbeat, late collision',
    'TX_ABORTED',
    'TX_CARRIER',
    'TX_FIFO',
    'TX_HEARTBEAT',
    'TX_WINDOW',
  ),
}

/** A driver without neighbours drops their discovery whenever a kernel sends it: that is right. */
export const HARMLESS = 'NEIGH'

/** Returns the number of drops, without harmless ones. */
export function wrongDrops(drops: Readonly<Record<string, number>> = {}): number {
  return Object.entries(drops).reduce((sum, [reason, count]) => (reason === HARMLESS ? sum : sum + count), 0)
}

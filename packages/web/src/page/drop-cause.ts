/** The meanings of the drop reasons. A test compares docs/statistics.md with this table. */
import type * as vnet from 'vnet'

type Named<K> = K extends `SKB_DROP_REASON_${infer Name}` ? Exclude<Name, 'MAX'> : never

const CHECKSUM = 'the receiver of the packet found a wrong checksum'
const RX_FAULT = 'receive faults of real hardware: overrun, check sequence, alignment, FIFO'
const TX_FAULT =
  'transmit faults of real hardware: abort, no carrier, underrun, heartbeat, late collision'

/** The cause of each reason, by its name without a prefix. */
export const DROP_CAUSES: Readonly<Record<string, string>> = {
  NOT_SPECIFIED: 'the driver gave no reason',
  PKT_TOO_SMALL: 'shorter than the header that it must have',
  // The MTU, the link header and one VLAN tag: the kernel's is_skb_forwardable.
  PKT_TOO_BIG: "longer than the receiver's MTU allows, and not GSO",
  DEV_READY: 'the receiving device is down or deleted',
  DEV_STOPPED: 'the device was stopped while the frame was in its rings',
  FULL_RING: "the driver's receive ring was full",
  NOMEM: 'the frame pool had no free slot',
  UNHANDLED_PROTO: 'neither IPv4 nor IPv6, so without an address to translate',
  IP_INHDR: 'the version or a length in the IP header is wrong',
  // Or the first fragment ends before the transport checksum.
  L4_HDR: 'the transport header is truncated',
  // Loopback, link-local, unspecified, or a multicast source.
  IP_NOT_TRANSLATABLE: 'an address without a far end',
  // RFC 4302: the addresses cannot be rewritten.
  IP_AUTH: 'an authentication header covers the addresses',
  // RFC 8200 sec. 4.4, RFC 791 sec. 3.1.
  IP_SOURCE_ROUTE: 'a routing header or source route contains more addresses',
  // Reflected, it would make the sender's own address look taken.
  NEIGH: 'an ARP or neighbour discovery message that the driver does not answer',
  DRIVER_EXCEPTION: 'ndoStartXmit threw',
  // EINVAL.
  HDR_TRUNC: 'the kernel refused the frame as malformed',
  KERNEL_ERROR: 'the kernel did not accept the frame for another reason',
  SKB_GSO_SEG: 'a GSO frame that cannot be segmented, or that the kernel refused',
  SKB_CSUM: 'the field of a partial checksum is outside the frame',
  WIRE_LOSS: 'dropped on purpose by a wire',
  OTHERHOST: 'the receive filter passes neither the address nor the group',
  CPU_BACKLOG: 'the kernel accepted no frame until the queue toward it was full',
  RX_OVER: RX_FAULT,
  RX_CRC: RX_FAULT,
  RX_FRAME: RX_FAULT,
  RX_FIFO: RX_FAULT,
  RX_NOHANDLER: 'the device does not receive frames',
  TX_ABORTED: TX_FAULT,
  TX_CARRIER: TX_FAULT,
  TX_FIFO: TX_FAULT,
  TX_HEARTBEAT: TX_FAULT,
  TX_WINDOW: TX_FAULT,
  // Or the queueing discipline of an interface that vnet sends on is full.
  QDISC_DROP: 'the queue that ndoSelectQueue chose is stopped and full',
  IP_CSUM: CHECKSUM,
  TCP_CSUM: CHECKSUM,
  UDP_CSUM: CHECKSUM,
  ICMP_CSUM: CHECKSUM,
  MAC_INVALID_SOURCE: 'the source hardware address is zero or a group address',
  IP_INADDRERRORS:
    'a simulated host received a packet for another address, or from one that no host can have',
  NEIGH_FAILED:
    'the hardware address of the destination is unknown; or an invalid neighbour solicitation',
  FRAG_REASM: 'a fragment: simulated hosts do not reassemble',
  HANDLER_EXCEPTION: 'a handler of a simulated host threw',
  QDISC_OVERLIMIT: 'a queue or a wire was full',
  QDISC_CONGESTED: 'the congestion control of a queue (RED, CoDel) dropped the packet',
  CUT: 'vnet cut of an interface that vnet is attached to',
  COPIES: 'a wire had made 64 frames of one frame already',
} satisfies Record<Named<keyof typeof vnet>, string>

/**
 * The meanings of the drop reasons, for the live page and docs/statistics.md (npm run generate).
 */
import type * as vnet from 'vnet'

type Named<K> = K extends `SKB_DROP_REASON_${infer Name}` ? Exclude<Name, 'MAX'> : never

const CHECKSUM = 'the receiver of the packet found a wrong checksum'

/** The cause of each reason, by its name without a prefix. */
export const DROP_CAUSES: Readonly<Record<string, string>> = {
  NOT_SPECIFIED: 'the driver gave no reason',
  PKT_TOO_SMALL: 'shorter than the header that it must have',
  // The kernel's is_skb_forwardable.
  PKT_TOO_BIG:
    "longer than the receiver's MTU, the link header and one VLAN tag, and not a GSO frame",
  DEV_READY: 'the receiving device is down or deleted',
  DEV_STOPPED: 'the device was stopped while the frame was in its rings',
  FULL_RING: "the driver's receive ring was full",
  NOMEM: 'the frame pool had no free slot',
  UNHANDLED_PROTO: 'neither IPv4 nor IPv6, so without an address to translate',
  IP_INHDR: 'the version or a length in the IP header is wrong',
  L4_HDR: 'the transport header is truncated, or the first fragment ends before its checksum',
  IP_NOT_TRANSLATABLE:
    'an address without a far end: loopback, link-local, unspecified, or a multicast source',
  // RFC 4302.
  IP_AUTH: 'an authentication header covers the addresses, which cannot be rewritten then',
  // RFC 8200 sec. 4.4, RFC 791 sec. 3.1.
  IP_SOURCE_ROUTE: 'a routing header or source route contains more addresses',
  // Reflected, it would make the sender's own address look taken.
  NEIGH: 'an ARP or neighbour discovery message that the driver does not answer',
  DRIVER_EXCEPTION: 'ndoStartXmit threw',
  HDR_TRUNC: 'the kernel refused the frame as malformed (EINVAL)',
  KERNEL_ERROR: 'the kernel did not accept the frame for another reason',
  SKB_GSO_SEG: 'a GSO frame that cannot be segmented, or that the kernel refused',
  SKB_CSUM: 'the field of a partial checksum is outside the frame',
  WIRE_LOSS: 'dropped on purpose by a wire',
  OTHERHOST: 'the receive filter passes neither the address nor the group',
  CPU_BACKLOG: 'the kernel accepted no frame until the queue toward it was full',
  RX_OVER: 'receive fault of real hardware: overrun',
  RX_CRC: 'receive fault of real hardware: wrong check sequence',
  RX_FRAME: 'receive fault of real hardware: misaligned frame',
  RX_FIFO: 'receive fault of real hardware: FIFO error',
  RX_NOHANDLER: 'the device does not receive frames',
  TX_ABORTED: 'transmit fault of real hardware: aborted transmission',
  TX_CARRIER: 'no carrier: the cable is cut, or a fault of real hardware',
  TX_FIFO: 'transmit fault of real hardware: FIFO underrun',
  TX_HEARTBEAT: 'transmit fault of real hardware: heartbeat error',
  TX_WINDOW: 'transmit fault of real hardware: late collision',
  QDISC_DROP:
    'the queue that ndoSelectQueue chose is stopped and full, or the queue of an interface that vnet sends on is full',
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
  CUT: 'the cable of an interface that vnet is attached to is cut',
  COPIES: 'a wire had made 64 frames of one frame already',
} satisfies Record<Named<keyof typeof vnet>, string>

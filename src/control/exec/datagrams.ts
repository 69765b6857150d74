/** Messages joined to datagrams, and long datagrams parted at messages. Pure. */
import { align4, messages, NLMSG_HDRLEN } from '../../netlink/index.ts'

/** What the kernel puts into one datagram of a dump for who does not ask for more: NLMSG_GOODSIZE on pages of 4 KiB. */
const PART_OCTETS = 3776

export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((n, { length }) => n + length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** A datagram of whole messages in parts of its octets, each of one message or as many as a small buffer holds. */
export function parted(datagram: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = []
  let begin = 0
  for (const { offset, length } of messages(datagram)) {
    const at = offset - NLMSG_HDRLEN
    if (at > begin && offset + length - begin > PART_OCTETS) {
      parts.push(datagram.subarray(begin, at))
      begin = at
    }
  }
  if (begin < datagram.length) parts.push(datagram.subarray(begin))
  return parts
}

/** The octets of one message, padded. */
export function messageAt(bytes: Uint8Array, { offset, length }: { readonly offset: number; readonly length: number }) {
  const part = new Uint8Array(align4(NLMSG_HDRLEN + length))
  part.set(bytes.subarray(offset - NLMSG_HDRLEN, offset + length))
  return part
}

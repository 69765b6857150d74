/** Messages joined to datagrams. Pure. */
import { align4, getU16, NLM_F_MULTI, NLMSG_HDRLEN } from '../../netlink/index.ts'

/** In struct nlmsghdr. */
const FLAGS_AT = 6

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

/** Messages in datagrams as the kernel makes them: each its own, the parts of a dump as many as a small buffer holds. */
export function packed(all: readonly Uint8Array[]): Uint8Array[] {
  const datagrams: Uint8Array[][] = []
  let room = 0
  for (const message of all) {
    const isPart = (getU16(message, FLAGS_AT) & NLM_F_MULTI) !== 0
    if (!isPart || message.length > room) {
      datagrams.push([])
      room = isPart ? PART_OCTETS : 0
    }
    datagrams.at(-1)?.push(message)
    room -= message.length
  }
  return datagrams.map(joined)
}

/** The octets of one message, padded. */
export function messageAt(bytes: Uint8Array, { offset, length }: { readonly offset: number; readonly length: number }) {
  const part = new Uint8Array(align4(NLMSG_HDRLEN + length))
  part.set(bytes.subarray(offset - NLMSG_HDRLEN, offset + length))
  return part
}

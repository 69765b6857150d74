/** Checks a frame that a driver hands to the kernel or to a wire. */
import {
  fold,
  onesComplementSum,
  pseudoHeaderSum4,
  pseudoHeaderSum6,
} from '../../packet/checksum.ts'
import { ETH_HLEN, ETH_P_802_3_MIN, ETH_P_IP, etherType } from '../../packet/ethernet.ts'
import * as ipv4 from '../../packet/ipv4.ts'
import { get16 } from '../../packet/octets.ts'
import { wholeTransport } from '../../packet/upper-header.ts'
import { networkOffset } from '../../packet/vlan.ts'
import { CHECKSUM_PARTIAL, CHECKSUM_UNNECESSARY, type SkBuff } from '../../skb/sk-buff.ts'
import { canSegment } from '../gso.ts'

export interface Complaint {
  readonly rule: 'frame-bounds' | 'frame-short' | 'protocol' | 'checksum' | 'gso'
  readonly what: string
}

/** Returns the first error in a frame, if any. With `isNew`, its protocol must be set. */
export function checkFrame(skb: SkBuff, isNew: boolean): Complaint | undefined {
  const { data, len, head, end } = skb
  if (
    !Number.isInteger(data) ||
    !Number.isInteger(len) ||
    data < head ||
    len < 0 ||
    data + len > end
  ) {
    return {
      rule: 'frame-bounds',
      what: `${len} bytes from ${data - head} on do not lie in a room of ${end - head}`,
    }
  }
  if (len < ETH_HLEN) return { rule: 'frame-short', what: `${len} bytes are no Ethernet frame` }
  return protocolComplaint(skb, isNew) ?? gsoComplaint(skb) ?? checksumComplaint(skb)
}

function protocolComplaint(skb: SkBuff, isNew: boolean): Complaint | undefined {
  const type = etherType(skb.bytes, skb.data)
  if (skb.protocol === 0) {
    return isNew ? { rule: 'protocol', what: 'skb.protocol is not set' } : undefined
  }
  if (type < ETH_P_802_3_MIN || type === skb.protocol) return undefined
  return {
    rule: 'protocol',
    what: `skb.protocol is ${hex(skb.protocol)}, its header has ${hex(type)}`,
  }
}

function gsoComplaint(skb: SkBuff): Complaint | undefined {
  const { gsoSize, gsoType } = skb
  if (gsoSize === 0 && gsoType === 0) return undefined
  if (gsoSize === 0) return { rule: 'gso', what: `gsoType ${gsoType} without a gsoSize` }
  if (gsoType === 0) return { rule: 'gso', what: `gsoSize ${gsoSize} without a gsoType` }
  if (skb.ipSummed !== CHECKSUM_PARTIAL && skb.ipSummed !== CHECKSUM_UNNECESSARY) {
    return { rule: 'gso', what: 'a GSO frame without CHECKSUM_PARTIAL' }
  }
  return canSegment(skb)
    ? undefined
    : { rule: 'gso', what: `its headers do not fit gsoType ${gsoType}` }
}

function checksumComplaint(skb: SkBuff): Complaint | undefined {
  const { bytes, data, len, ipSummed, csumStart, csumOffset } = skb
  const field = csumStart + csumOffset
  if (
    ipSummed === CHECKSUM_PARTIAL &&
    !(csumStart >= data && csumOffset >= 0 && field + 2 <= data + len)
  ) {
    return {
      rule: 'checksum',
      what: `csumStart ${csumStart - data} + csumOffset ${csumOffset} is outside`,
    }
  }
  const network = networkOffset(bytes, data, len)
  if (network < 0) return undefined
  const nh = data + network
  const header = get16(bytes, nh - 2) === ETH_P_IP ? ipv4.parse(bytes, nh, data + len - nh) : -1
  if (header >= 0 && !isSame(onesComplementSum(bytes, nh, header), 0)) {
    return { rule: 'checksum', what: 'the checksum of its IPv4 header is wrong' }
  }
  const upper = wholeTransport(bytes, data, len)
  if (upper === undefined) return undefined
  const { h, end, check, protocol } = upper
  const value = get16(bytes, check)
  const pseudoHeaderSum = get16(bytes, nh - 2) === ETH_P_IP ? pseudoHeaderSum4 : pseudoHeaderSum6
  const pseudo = fold(pseudoHeaderSum(bytes, nh, protocol, end - h))
  if (ipSummed === CHECKSUM_PARTIAL && csumStart === h && field === check) {
    if (isSame(value, pseudo)) return undefined
    return {
      rule: 'checksum',
      what: `the partial checksum is ${hex(value)}, the pseudo-header's sum ${hex(pseudo)}`,
    }
  }
  // A UDP checksum of zero means that none was computed.
  if (ipSummed !== CHECKSUM_UNNECESSARY || skb.gsoSize !== 0 || value === 0) return undefined
  if (isSame(onesComplementSum(bytes, h, end - h, pseudo), 0)) return undefined
  return { rule: 'checksum', what: 'CHECKSUM_UNNECESSARY, but its checksum is wrong' }
}

/** Whether two sums are equal: 0 and 0xffff both mean zero. */
const isSame = (a: number, b: number): boolean => a % 0xffff === b % 0xffff

const hex = (value: number): string => `0x${value.toString(16).padStart(4, '0')}`

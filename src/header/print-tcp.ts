/** print-tcp: a TCP segment as text, as in tcpdump; reads only what lies before `end` and never throws. */
import { get16, get32 } from './octets.ts'
import * as tcp from './tcp.ts'

const LETTERS = 'FSRP.UEW'

/** The segment at `at` between two addresses, from the source's port on. */
export function printTcp(bytes: Uint8Array, at: number, end: number, source: string, destination: string): string {
  const header = tcp.parse(bytes, at, end - at)
  if (header < 0) return `${source} > ${destination}: [|tcp], length ${end - at}`
  const length = end - at - header
  const flags = tcp.flags(bytes, at)
  const sequence = tcp.sequenceNumber(bytes, at)
  const ports = `${source}.${tcp.sourcePort(bytes, at)} > ${destination}.${tcp.destinationPort(bytes, at)}`
  let text = `${ports}: Flags [${flagText(flags)}]`
  if (length > 0) text += `, seq ${sequence}:${(sequence + length) >>> 0}`
  else if ((flags & (tcp.TCP_SYN | tcp.TCP_FIN | tcp.TCP_RST)) !== 0) text += `, seq ${sequence}`
  if ((flags & tcp.TCP_ACK) !== 0) text += `, ack ${tcp.acknowledgmentNumber(bytes, at)}`
  text += `, win ${tcp.window(bytes, at)}`
  if ((flags & tcp.TCP_URG) !== 0) text += `, urg ${tcp.urgentPointer(bytes, at)}`
  if (header > tcp.TCP_HLEN) text += `, options [${optionText(bytes, at + tcp.TCP_HLEN, at + header)}]`
  return `${text}, length ${length}`
}

function flagText(flags: number): string {
  let text = ''
  for (let i = 0; i < 8; i++) if ((flags & (1 << i)) !== 0) text += LETTERS[i]
  return text === '' ? 'none' : text
}

function optionText(bytes: Uint8Array, from: number, end: number): string {
  const options: string[] = []
  for (let at = from; at < end; ) {
    const kind = bytes[at]
    if (kind === 0) {
      options.push('eol')
      break
    }
    if (kind === 1) {
      options.push('nop')
      at++
      continue
    }
    const size = at + 1 < end ? bytes[at + 1] : 0
    if (size < 2 || at + size > end) {
      options.push('[|tcp]')
      break
    }
    options.push(option(bytes, at, kind, size))
    at += size
  }
  return options.join(',')
}

function option(bytes: Uint8Array, at: number, kind: number, size: number): string {
  if (kind === 2 && size === 4) return `mss ${get16(bytes, at + 2)}`
  if (kind === 3 && size === 3) return `wscale ${bytes[at + 2]}`
  if (kind === 4 && size === 2) return 'sackOK'
  if (kind === 5) return `sack ${(size - 2) >>> 3}`
  if (kind === 8 && size === 10) return `TS val ${get32(bytes, at + 2)} ecr ${get32(bytes, at + 6)}`
  return `unknown-${kind}`
}

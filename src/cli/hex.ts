/** Octets on the command line and in JSON: two hexadecimal digits each. */
import { InvalidArgumentError } from 'commander'
import { UsageError } from '../core/driver.ts'
import { NLA_PAYLOAD_MAX } from '../netlink/index.ts'

export function hex(octets: Uint8Array): string {
  return Buffer.from(octets).toString('hex')
}

/** Reads `0a0b`, also as `0a:0b` or `0x0a0b`. */
export function parseHex(text: string): Uint8Array {
  const digits = text.replace(/^0x/i, '').replaceAll(':', '')
  if (!/^([0-9a-f]{2})*$/i.test(digits)) throw new InvalidArgumentError('two hexadecimal digits an octet, as 0a0b')
  if (digits.length / 2 > NLA_PAYLOAD_MAX) throw new UsageError(`HEX: at most ${NLA_PAYLOAD_MAX} octets`)
  return Uint8Array.from(Buffer.from(digits, 'hex'))
}

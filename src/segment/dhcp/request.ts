/** What a client asks, taken from its message: one that is not well-formed is none. */
import {
  BOOTREQUEST,
  DHO_CLIENT_IDENTIFIER,
  DHO_LEASE_TIME,
  DHO_MAX_MESSAGE_SIZE,
  DHO_MESSAGE_TYPE,
  DHO_REQUESTED_ADDRESS,
  DHO_SERVER_IDENTIFIER,
  type DhcpMessage,
  parse,
} from '../../header/dhcp.ts'
import { get32 } from '../../header/octets.ts'
import { type Client, clientOf } from './client.ts'
import { type DhcpConfig, isWithin, type Subnet } from './config.ts'
import type { Asker } from './reply.ts'

/** How a message came. */
export interface DhcpSender {
  /** Of the frame. */
  readonly mac: Uint8Array
  /** Whether it was sent to everybody: a client that is known to rebind, not to renew. */
  readonly broadcast?: boolean
}

/** A message of a client's, and what is known of it. */
export interface Request extends Asker {
  readonly client: Client
  readonly requested: number | undefined
}

/** A client's message, who sent it, and its type; undefined for what no client sends. */
export function readMessage(bytes: Uint8Array): { message: DhcpMessage; client: Client; type: number } | undefined {
  const message = parse(bytes)
  if (message?.op !== BOOTREQUEST || !isWellFormed(message)) return undefined
  const client = clientOf(message)
  return client && { message, client, type: message.options.get(DHO_MESSAGE_TYPE)?.[0] as number }
}

/** A relay's network, the network of a client that asks by unicast, and otherwise the server's own. */
export function subnetOf(config: DhcpConfig, message: DhcpMessage, from: DhcpSender): Subnet | undefined {
  const { giaddr, ciaddr } = message
  const at = giaddr !== 0 ? giaddr : ciaddr !== 0 && !from.broadcast ? ciaddr : config.server
  return config.subnets.find(subnet => isWithin(subnet, at))
}

/** Octets of the options of fixed length that the server reads. */
const LENGTHS = [
  [DHO_MESSAGE_TYPE, 1],
  [DHO_REQUESTED_ADDRESS, 4],
  [DHO_LEASE_TIME, 4],
  [DHO_SERVER_IDENTIFIER, 4],
  [DHO_MAX_MESSAGE_SIZE, 2],
] as const

function isWellFormed({ options }: DhcpMessage): boolean {
  const isLong = (options.get(DHO_CLIENT_IDENTIFIER)?.length ?? 0) > 255
  const fits = LENGTHS.every(([code, length]) => (options.get(code)?.length ?? length) === length)
  return fits && !isLong && options.has(DHO_MESSAGE_TYPE)
}

/** An option of 4 octets as a number. */
export function numberIn({ options }: DhcpMessage, code: number): number | undefined {
  const value = options.get(code)
  return value === undefined ? undefined : get32(value, 0)
}

/** The state of a dgram.Socket, which Node does not show. */
import type dgram from 'node:dgram'

type Lookup = (
  address: string | undefined,
  callback: (error: Error | null, address?: string, family?: number) => void,
) => void
type GroupCall = (...addresses: string[]) => number

/** UDPWrap of Node. `lookup` finds the addresses for send and connect. */
export interface DgramHandle {
  lookup: Lookup
  onmessage: (length: number, handle: object, data?: Buffer, from?: { address?: string }) => void
  onerror: (length: number, handle: object, error: NodeJS.ErrnoException) => void
  addMembership: GroupCall
  dropMembership: GroupCall
  addSourceSpecificMembership: GroupCall
  dropSourceSpecificMembership: GroupCall
  setMulticastInterface: GroupCall
  hasRef(): boolean
  close(): void
}

interface DgramState {
  /** Null after the end of the socket. */
  handle: DgramHandle | null
  readonly bindState: number
  readonly ipv6Only?: boolean
  readonly reuseAddr?: boolean
  readonly reusePort?: boolean
}

export function dgramState(socket: dgram.Socket): DgramState {
  return (socket as unknown as Record<symbol, DgramState>)[symbolOf(socket, 'state symbol')] as DgramState
}

/** Returns the symbol with this description among the property keys of an object of Node. */
export function symbolOf(owner: object, description: string): symbol {
  const symbol = Object.getOwnPropertySymbols(owner).find(each => each.description === description)
  if (symbol !== undefined) return symbol
  throw new Error(`this version of Node, ${process.version}, has no ${description}, which world: 'memory' needs`)
}

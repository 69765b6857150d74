/** The state of a dgram.Socket, which Node does not show. */
import type dgram from 'node:dgram'

type Lookup = (
  address: string | undefined,
  callback: (error: Error | null, address?: string, family?: number) => void,
) => void

/** UDPWrap of Node. `lookup` finds the addresses for send and connect. */
export interface DgramHandle {
  lookup: Lookup
  onmessage: (length: number, handle: object, data?: Buffer, from?: { address?: string }) => void
  send6?: (...args: unknown[]) => number
  readonly bind6?: unknown
  readonly connect6?: unknown
  onerror: (length: number, handle: object, error: NodeJS.ErrnoException) => void
  hasRef(): boolean
  close(): void
}

interface DgramState {
  /** Null after the end of the socket. */
  handle: DgramHandle | null
  readonly bindState: number
}

/** Returns the state of a socket. Throws an Error if this version of Node has none. */
export function dgramState(socket: dgram.Socket): DgramState {
  return (socket as unknown as Record<symbol, DgramState>)[
    symbolOf(socket, 'state symbol')
  ] as DgramState
}

/** Returns the symbol with this description among the property keys of an object of Node. */
export function symbolOf(owner: object, description: string): symbol {
  const symbol = Object.getOwnPropertySymbols(owner).find(each => each.description === description)
  return needed(symbol, description)
}

/** Returns a part of Node. Throws if this version has none. */
export function needed<T>(part: T | undefined, what: string): T {
  if (part !== undefined) return part
  throw new Error(
    `this version of Node, ${process.version}, has no ${what}, which hosts of a lab need`,
  )
}

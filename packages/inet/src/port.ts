/** Joins a host to the port of a device in memory, in place of the kernel. */
import type { StackInterface, StackInterfaceOptions } from './ip/interface.ts'
import type { IpStack } from './ip/stack.ts'

/** A frame that is only lent: `len` bytes at `data`. */
interface LentFrame {
  readonly bytes: Uint8Array
  readonly data: number
  readonly len: number
}

/** The kernel's side of a port in memory, such as a `MemoryPort` of `vnet/bed`. */
interface KernelSide<Frame extends LentFrame> {
  readonly link: { readonly name: string; readonly address: Uint8Array; readonly mtu: number }
  readonly addresses: readonly string[]
  readonly carrier: boolean
  /** Called with each frame that the device sends, and its queue. */
  onFrame: ((frame: Frame, queue: number) => void) | undefined
  /** Sends a frame to the device. */
  transmit(frame: Uint8Array, queue?: number): void
}

interface PortOptions extends Pick<StackInterfaceOptions, 'isNoArp'> {
  /** Returns the transmit queue of a frame; 0 for all by default. */
  readonly queueOf?: (frame: Uint8Array) => number
}

/**
 * The interface of a joined port. A port does not report its changes to the host: whoever changes
 * the port calls `follow` after it.
 */
export interface JoinedPort {
  readonly dev: StackInterface
  /** Gives the interface the MTU and the carrier that the port has now. */
  follow(): void
}

/**
 * Adds an interface with the name, the MAC, the MTU and the addresses of the port. From now on it
 * receives the frames of the port (`port.onFrame`) and transmits to it.
 */
export function joinPort<Frame extends LentFrame>(
  ip: IpStack,
  port: KernelSide<Frame>,
  { isNoArp, queueOf }: PortOptions = {},
): JoinedPort {
  const { name, address, mtu } = port.link
  const transmit = (frame: Uint8Array) => port.transmit(frame, queueOf?.(frame))
  const dev = ip.addInterface({
    name,
    mac: address.slice(),
    mtu,
    ...(isNoArp && { isNoArp }),
    transmit,
  })
  for (const cidr of port.addresses) {
    dev.addAddress(cidr)
  }
  port.onFrame = ({ bytes, data, len }) => dev.receive(bytes, data, len)
  const follow = () => {
    dev.mtu = port.link.mtu
    dev.carrier = port.carrier
  }
  follow()
  return { dev, follow }
}

import { afterAll, beforeAll, describe } from 'vitest'
import type { Native } from '#src/linux/native.ts'
import { LinuxPlatform } from '#src/linux/platform.ts'
import { writeSysctl } from '#src/linux/sysctl.ts'
import type { TapPort } from '#src/linux/tap/port.ts'
import type { PortSpec } from '#src/netdev/port.ts'
import { type Netns, OwnNetns } from '#support/netns.ts'
import { PacketSocket } from '#support/packet-socket.ts'
import { type OpenPort, portConformance, type UserChange } from '#support/port-conformance.ts'

/** The words of `ip link set dev NAME ...`. */
function words(change: UserChange): string {
  if ('up' in change) return change.up ? 'up' : 'down'
  if ('mtu' in change) return `mtu ${change.mtu}`
  if ('name' in change) return `name ${change.name}`
  if ('txQueueLen' in change) return `txqueuelen ${change.txQueueLen}`
  return `address ${[...change.address].map(octet => octet.toString(16).padStart(2, '0')).join(':')}`
}

/**
 * Frames that the kernel still accepts. Writing cannot reach the limit of a TAP, so the system call
 * enforces it.
 */
interface Room {
  frames: number
}

function limited(native: Native, room: Room): Partial<Native> {
  return {
    writeBatch(batch, fd, n) {
      const done = native.writeBatch(batch, fd, Math.min(n, room.frames))
      if (done > 0) {
        room.frames -= done
      }
      return done
    },
  }
}

/** The kernel's side of a TAP: a packet socket, and `ip`. */
function hosted(port: TapPort, netns: Netns, room: Room, sockets: PacketSocket[]): OpenPort {
  let { name } = port.link
  let received = 0
  let socket: PacketSocket | undefined
  return {
    port,
    hostOpens() {
      socket = new PacketSocket(netns, name)
      sockets.push(socket)
    },
    hostSend: bytes => socket?.send(bytes),
    async hostReceive() {
      const index = received++
      let seen = 0
      const frame = await socket?.until(() => seen++ === index)
      return frame?.octets ?? new Uint8Array()
    },
    userSets(...changes) {
      const commands: string[] = []
      for (const change of changes) {
        commands.push(`link set dev ${name} ${words(change)}`)
        if ('name' in change) {
          name = change.name
        }
      }
      netns.ip(...commands)
    },
    userDeletes: () => void netns.ip(`link del ${name}`),
    setRoom: frames => {
      room.frames = frames
    },
  }
}

/** All ports are closed after each test, so that the tests can share a namespace. */
const own = new OwnNetns()
let netns: Netns
beforeAll(() => {
  netns = own.add()
  // The kernel's own multicast listener reports would come between a test's frames.
  for (const [name, value] of [
    ['router_solicitations', '0'],
    ['addr_gen_mode', '1'],
  ] as const) {
    writeSysctl(own.native, netns.fd, `net/ipv6/conf/default/${name}`, value)
  }
})
afterAll(() => own.remove())

describe('a TAP', () => {
  portConformance(async () => {
    const room: Room = { frames: Number.POSITIVE_INFINITY }
    const platform = new LinuxPlatform(own.at(netns, limited(own.native, room)))
    const sockets: PacketSocket[] = []
    return {
      open: async (spec: PortSpec) => hosted(await platform.open(spec), netns, room, sockets),
      async close() {
        for (const socket of sockets) {
          socket.close()
        }
        await platform.close()
      },
    }
  })
})

/**
 * A stand-in for a vnet, as `vnet exec` sees it: a socket and its file, a device, private ioctls on
 * it. It records the requests and the uids of the clients, and can delay any reply.
 */
import { statSync } from 'node:fs'
import { EFAULT, ENODEV, EOPNOTSUPP, VnetError } from '#src/base/errno.ts'
import { operation } from '#src/control/operations/operation.ts'
import { commands, VNET_GENL_ID, VNET_GENL_NAME } from '#src/control/protocol/family.ts'
import { type Client, dispatch } from '#src/control/server/dispatch.ts'
import { ListeningSocket } from '#src/control/server/listening-socket.ts'
import { nlctrl } from '#src/control/server/nlctrl.ts'
import { Announcement } from '#src/control/server/presence.ts'
import { Connection } from '#src/control/sockets/connection.ts'
import { makeRunDirectory } from '#src/control/sockets/run-directory.ts'
import { loadNative } from '#src/linux/native.ts'
import { MessageBuilder } from '#src/netlink/index.ts'

const SIOCDEVPRIVATE = 0x89f0
const SIOCGIFMAP = 0x8970
const SIOCSIFMAP = 0x8971

export interface StandInOptions {
  readonly name: string
  readonly ifindex?: number
  /** The network namespace of the device. */
  readonly netns: string
  /** A file to use in place of a real vnet's file. */
  readonly directory?: string
}

export interface StandIn extends Disposable {
  /** The commands of the ioctls so far, and the uids of the clients. */
  readonly asked: { readonly cmd: number; readonly uid: number | undefined }[]
  /** Calls of +3 get no reply; this settles when one has arrived. */
  readonly hung: Promise<void>
  /**
   * Calls of +4 get a reply when they are released; this settles with the release function when one
   * has arrived.
   */
  readonly held: Promise<() => void>
  map: Uint8Array
}

/**
 * Serves a device: +0 does nothing, +1 writes 8 bytes to ifr_data, +2 returns 7 and an MTU, +3
 * hangs, +4 is a delayed +2.
 */
export function standIn({ name, ifindex = 7, netns, directory }: StandInOptions): StandIn {
  const native = loadNative()
  const asked: StandIn['asked'] = []
  let hang = () => {}
  const hung = new Promise<void>(resolve => {
    hang = resolve
  })
  let hold = (_release: () => void) => {}
  const held = new Promise<() => void>(resolve => {
    hold = resolve
  })
  let silent = false
  let waits = false
  let uid: number | undefined
  // Complete: `vnet list` of another test may show this vnet, too.
  const state = {
    flags: 1,
    mtu: 1500,
    mac: Uint8Array.of(2, 0, 0, 0, 0, 1),
    carrier: true,
    cut: false,
  }
  const device = { ifindex, ifname: name, txQueues: 1, rxQueues: 1, ...state }
  const connections = new Set<Connection>()
  const self = {
    asked,
    hung,
    held,
    map: new Uint8Array(24),
    [Symbol.dispose]() {
      listening.close()
      announcement.remove()
      for (const connection of connections) {
        connection.close()
      }
    },
  }
  function answer(cmd: number, ifreq: Uint8Array, data: Uint8Array | undefined): number {
    const view = new DataView(ifreq.buffer, ifreq.byteOffset)
    if (cmd === SIOCSIFMAP) {
      self.map = ifreq.slice(16)
    } else if (cmd === SIOCGIFMAP) {
      ifreq.set(self.map, 16)
    } else if (cmd === SIOCDEVPRIVATE + 1) {
      return (data?.length ?? 0) >= 8 ? 0 : -EFAULT
    } else if (cmd === SIOCDEVPRIVATE + 2 || cmd === SIOCDEVPRIVATE + 4) {
      waits = cmd === SIOCDEVPRIVATE + 4
      view.setInt32(16, 4242, true)
      return 7
    } else if (cmd === SIOCDEVPRIVATE + 3) {
      silent = true
      hang()
    } else if (cmd !== SIOCDEVPRIVATE) {
      return -EOPNOTSUPP
    }
    return 0
  }
  const operations = [
    operation(commands.getDevices, { doit: () => device, dumpit: () => [device] }),
    operation(commands.echo, { doit: ({ text }) => ({ text: text.slice() }) }),
    operation(commands.ioctl, {
      doit: ({ ifname, cmd, ifreq, data }) => {
        if (ifname !== name) throw new VnetError(ENODEV, 'vnet_nl', 'there is no such interface')
        asked.push({ cmd, uid })
        const after = ifreq.slice()
        const result = answer(cmd, after, data)
        if (cmd !== SIOCDEVPRIVATE + 1 || result < 0) return { result, ifreq: after }
        return { result, ifreq: after, data: Uint8Array.of(0x39, 0x30, 0, 0, 0, 0, 0, 0) }
      },
    }),
  ]
  const vnet = { id: VNET_GENL_ID, name: VNET_GENL_NAME, version: 1, maxattr: 39, operations }
  const families = new Map([nlctrl([vnet]), vnet].map(family => [family.id, family]))
  const announcement = new Announcement(
    makeRunDirectory(directory === undefined ? undefined : [directory]).path,
  )
  const listening = new ListeningSocket(native, announcement.socket, 0o666, () => {
    const fd = listening.accept()
    if (fd >= 0) {
      serve(fd)
    }
  })
  const { ino: inode } = statSync(`/run/netns/${netns}`)
  announcement.write([{ name, ifindex, inode }])

  function onDefect(error: unknown): never {
    throw error
  }
  function serve(fd: number): void {
    const client: Client = {
      missing: undefined,
      missingToCapture: undefined,
      share: 0,
      privileged: true,
      notify: () => false,
      onDrained: undefined,
      handOver() {},
      send(octets) {
        const [copy, send] = [octets.slice(), () => void connection.send(copy)]
        if (waits) {
          hold(send)
        } else if (!silent) {
          send()
        }
      },
      dump(parts) {
        for (let part = parts.next(); ; part = parts.next()) {
          connection.send(part.value)
          if (part.done) break
        }
      },
    }
    const connection = Connection.of(native, fd, {
      onMessage(bytes, at, length) {
        silent = false
        waits = false
        uid = connection.peer()?.uid
        dispatch({ families, builder: new MessageBuilder(), onDefect }, client, bytes, at, length)
      },
      onEnd: () => connections.delete(connection),
    }) as Connection
    connection.unref()
    connections.add(connection)
  }
  listening.poller.unref()
  return self
}

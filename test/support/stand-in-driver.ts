/**
 * A vnet as far as `vnet exec` sees one: a socket and its file, a device, private ioctls on it. What it was asked is recorded, with
 * who connected, and any reply can be held back.
 */
import { statSync } from 'node:fs'
import { Announcement } from '../../src/control/announcement.ts'
import { Connection } from '../../src/control/connection.ts'
import { type Client, dispatch } from '../../src/control/dispatch.ts'
import {
  echoRequest,
  getDevicesRequest,
  ioctlRequest,
  VNET_ATTR_IFINDEX,
  VNET_ATTR_IFNAME,
  VNET_ATTR_IOCTL_DATA,
  VNET_ATTR_IOCTL_DATA_OFFSET,
  VNET_ATTR_IOCTL_IFREQ,
  VNET_ATTR_IOCTL_RESULT,
  VNET_CMD_ECHO,
  VNET_CMD_GET_DEVICES,
  VNET_CMD_IOCTL,
  VNET_ECHO_ATTR_TEXT,
  VNET_GENL_ID,
  VNET_GENL_NAME,
} from '../../src/control/family.ts'
import { ListeningSocket } from '../../src/control/listening-socket.ts'
import { nlctrl } from '../../src/control/nlctrl.ts'
import { operation } from '../../src/control/operation.ts'
import { makeRunDirectory } from '../../src/control/run-directory.ts'
import { EFAULT, ENODEV, EOPNOTSUPP, VnetError } from '../../src/core/errno.ts'
import { loadNative } from '../../src/kernel/native.ts'
import type { MessageBuilder } from '../../src/netlink/index.ts'

const SIOCDEVPRIVATE = 0x89f0
const SIOCGIFMAP = 0x8970
const SIOCSIFMAP = 0x8971

export interface StandInOptions {
  readonly name: string
  readonly ifindex?: number
  /** Name of the network namespace that the device is in. */
  readonly netns: string
  /** Another file than that of a real vnet. */
  readonly directory?: string
}

export interface StandIn extends Disposable {
  /** Commands of the ioctls so far, and the uid of who connected. */
  readonly asked: { readonly cmd: number; readonly uid: number | undefined }[]
  /** Calls of +3 are not answered; this ends when one has come. */
  readonly hung: Promise<void>
  /** Calls of +4 are answered when they are let go; this is how, when one has come. */
  readonly held: Promise<() => void>
  map: Uint8Array
}

/** Serves a device: +0 nothing, +1 writes 8 bytes to ifr_data, +2 returns 7 and an MTU, +3 hangs, +4 is +2 that waits. */
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
  const device = (builder: MessageBuilder) =>
    void builder.u32(VNET_ATTR_IFINDEX, ifindex).string(VNET_ATTR_IFNAME, name)
  const connections = new Set<Connection>()
  const self = {
    ...{ asked, hung, held, map: new Uint8Array(24) },
    [Symbol.dispose]() {
      listening.close()
      announcement.remove()
      for (const connection of connections) connection.close()
    },
  }
  function answer(cmd: number, ifreq: Uint8Array, data: Uint8Array | undefined): number {
    const view = new DataView(ifreq.buffer, ifreq.byteOffset)
    if (cmd === SIOCSIFMAP) self.map = ifreq.slice(16)
    else if (cmd === SIOCGIFMAP) ifreq.set(self.map, 16)
    else if (cmd === SIOCDEVPRIVATE + 1) return (data?.length ?? 0) >= 8 ? 0 : -EFAULT
    else if (cmd === SIOCDEVPRIVATE + 2 || cmd === SIOCDEVPRIVATE + 4) {
      waits = cmd === SIOCDEVPRIVATE + 4
      view.setInt32(16, 4242, true)
      return 7
    } else if (cmd === SIOCDEVPRIVATE + 3) {
      silent = true
      hang()
    } else if (cmd !== SIOCDEVPRIVATE) return -EOPNOTSUPP
    return 0
  }
  const operations = [
    operation({ cmd: VNET_CMD_GET_DEVICES, policy: getDevicesRequest, doit: () => device, dumpit: () => [device] }),
    operation({
      cmd: VNET_CMD_ECHO,
      policy: echoRequest,
      doit: ({ text }) => {
        const copy = text.slice()
        return builder => void builder.binary(VNET_ECHO_ATTR_TEXT, copy)
      },
    }),
    operation({
      cmd: VNET_CMD_IOCTL,
      policy: ioctlRequest,
      doit: ({ ifname, ioctlCmd, ifreq, ioctlData }) => {
        if (ifname !== name) throw new VnetError(ENODEV, 'vnet_nl', 'there is no such interface')
        asked.push({ cmd: ioctlCmd, uid })
        const after = ifreq.slice()
        const result = answer(ioctlCmd, after, ioctlData)
        const octets = Uint8Array.of(0x39, 0x30, 0, 0, 0, 0, 0, 0)
        return builder => {
          builder.s32(VNET_ATTR_IOCTL_RESULT, result).binary(VNET_ATTR_IOCTL_IFREQ, after)
          if (ioctlCmd !== SIOCDEVPRIVATE + 1 || result < 0) return
          builder.binary(VNET_ATTR_IOCTL_DATA, octets).u32(VNET_ATTR_IOCTL_DATA_OFFSET, 0)
        }
      },
    }),
  ]
  const vnet = { id: VNET_GENL_ID, name: VNET_GENL_NAME, version: 1, maxattr: 39, operations }
  const families = new Map([nlctrl([vnet]), vnet].map(family => [family.id, family]))
  const announcement = new Announcement(makeRunDirectory(directory === undefined ? undefined : [directory]).path)
  const listening = ListeningSocket.open(native, announcement.socket, 0o666, () => {
    const fd = listening.accept()
    if (fd >= 0) serve(fd)
  })
  const { ino: inode } = statSync(`/run/netns/${netns}`)
  announcement.write([{ name, ifindex, inode }])

  function serve(fd: number): void {
    const client: Client = {
      missing: undefined,
      tell: () => false,
      onDrained: undefined,
      send(octets) {
        const [copy, send] = [octets.slice(), () => void connection.send(copy)]
        if (waits) hold(send)
        else if (!silent) send()
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
        silent = waits = false
        uid = connection.peer()?.uid
        dispatch(families, bytes, at, length, client, error => {
          throw error
        })
      },
      onEnd: () => connections.delete(connection),
    }) as Connection
    connection.unref()
    connections.add(connection)
  }
  listening.unref()
  return self
}

/**
 * A vnet as far as `vnet exec` sees one: the families on a port, a device, private ioctls on it. What it was asked is told, with
 * what the kernel said of the asker, and any answer can be held back.
 */
import { type Client, dispatch } from '../../src/control/dispatch.ts'
import { Dumps } from '../../src/control/dumps.ts'
import {
  echoRequest,
  getDevicesRequest,
  ioctlRequest,
  VNET_ATTR_IFINDEX,
  VNET_ATTR_IFNAME,
  VNET_ATTR_IOCTL_IFREQ,
  VNET_ATTR_IOCTL_RESULT,
  VNET_ATTR_NETNS,
  VNET_CMD_ECHO,
  VNET_CMD_GET_DEVICES,
  VNET_CMD_IOCTL,
  VNET_ECHO_ATTR_TEXT,
  VNET_GENL_ID,
  VNET_GENL_NAME,
  VNET_PORT,
} from '../../src/control/family.ts'
import { nlctrl } from '../../src/control/nlctrl.ts'
import { operation } from '../../src/control/operation.ts'
import { UserSocket } from '../../src/control/socket.ts'
import { EFAULT, ENODEV, EOPNOTSUPP, VnetError } from '../../src/core/errno.ts'
import type { Native } from '../../src/kernel/native.ts'
import type { MessageBuilder } from '../../src/netlink/index.ts'

const SIOCDEVPRIVATE = 0x89f0
const SIOCGIFMAP = 0x8970
const SIOCSIFMAP = 0x8971

export interface StandInOptions {
  readonly name: string
  readonly ifindex?: number
  /** Where the device is, as its user named that. */
  readonly netns?: string
  readonly port?: number
}

export interface StandIn extends Disposable {
  /** Commands of the ioctls so far, and whose memory they meant. */
  readonly asked: { readonly cmd: number; readonly pid: number }[]
  /** Calls of +3 are not answered; this ends when one has come. */
  readonly hung: Promise<void>
  /** Calls of +4 are answered when they are let go; this is how, when one has come. */
  readonly held: Promise<() => void>
  map: Uint8Array
}

/** Serves a device at home in `native`: +0 nothing, +1 writes 8 octets to ifr_data, +2 answers 7 and an MTU, +3 hangs, +4 is +2 that waits. */
export function standIn(native: Native, { name, ifindex = 7, netns, port = VNET_PORT }: StandInOptions): StandIn {
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
  const self = { asked, hung, held, map: new Uint8Array(24), [Symbol.dispose]: () => socket.close() }
  const device = (builder: MessageBuilder) => {
    builder.u32(VNET_ATTR_IFINDEX, ifindex).string(VNET_ATTR_IFNAME, name)
    if (netns !== undefined) builder.string(VNET_ATTR_NETNS, netns)
  }
  function answer(cmd: number, ifreq: Uint8Array, pid: number): number {
    const view = new DataView(ifreq.buffer, ifreq.byteOffset)
    if (cmd === SIOCSIFMAP) self.map = ifreq.slice(16)
    else if (cmd === SIOCGIFMAP) ifreq.set(self.map, 16)
    else if (cmd === SIOCDEVPRIVATE + 1) {
      const octets = Uint8Array.of(0x39, 0x30, 0, 0, 0, 0, 0, 0)
      return native.processVmWritev(pid, view.getBigUint64(16, true), octets) === 8 ? 0 : -EFAULT
    } else if (cmd === SIOCDEVPRIVATE + 2 || cmd === SIOCDEVPRIVATE + 4) {
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
      doit: ({ ifname, ioctlCmd, ifreq, ioctlPid = 0 }) => {
        if (ifname !== name) throw new VnetError(ENODEV, 'vnet_nl', 'there is no such interface')
        asked.push({ cmd: ioctlCmd, pid: ioctlPid })
        const after = ifreq.slice()
        const result = answer(ioctlCmd, after, ioctlPid)
        return builder => void builder.s32(VNET_ATTR_IOCTL_RESULT, result).binary(VNET_ATTR_IOCTL_IFREQ, after)
      },
    }),
  ]
  const vnet = { id: VNET_GENL_ID, name: VNET_GENL_NAME, version: 1, maxattr: 35, operations }
  const families = new Map([nlctrl([vnet]), vnet].map(family => [family.id, family]))
  const dumps = new Dumps((to, octets) => socket.send(to, octets))
  const socket = UserSocket.open(native, [port], (bytes, length, sender) => {
    const client: Client = {
      port: sender,
      uid: 0,
      mayChange: true,
      send(octets) {
        const [copy, send] = [octets.slice(), () => void socket.send(sender, copy)]
        if (waits) hold(send)
        else if (!silent) send()
      },
      dump: parts => dumps.begin(sender, parts),
    }
    silent = waits = false
    dispatch(families, bytes, length, client, error => {
      throw error
    })
  })
  return self
}

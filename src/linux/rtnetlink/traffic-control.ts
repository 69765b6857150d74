/**
 * BPF programs of an interface in the clsact qdisc (tc-bpf(8)). Unlike tcx links, they are attached
 * within an expedited grace period of RCU, and end with the interface.
 * include/uapi/linux/pkt_sched.h, pkt_cls.h.
 */
import { ENOENT, isErrno, VnetError } from '../../base/errno.ts'
import { type MessageBuilder, NLM_F_CREATE, NLM_F_EXCL, putU32 } from '../../netlink/index.ts'
import { moduleMissing } from '../requirements.ts'
import * as uapi from '../uapi.ts'
import { nameOf } from './link.ts'
import type { RouteSocket } from './route-socket.ts'

export const TC_H_CLSACT = 0xffff_fff1
/** The first priority, and ETH_P_ALL in network order. */
const FIRST_OF_ALL = 0x0001_0300

const TCMSG = 20

/** The frames that an interface receives (ingress) or transmits (egress). */
export type TcHook = 'ingress' | 'egress'

const PARENT = { ingress: 0xffff_fff2, egress: 0xffff_fff3 } as const

export type TcProgram = Readonly<{ ifindex: number; at: TcHook; name: string; fd: number }>

/** Gives an interface the qdisc that programs are attached to. Rejects with a VnetError. */
export function addClsact(sock: RouteSocket, ifindex: number): Promise<void> {
  return add(sock, uapi.RTM_NEWQDISC, [ifindex, uapi.CLSACT_HANDLE, TC_H_CLSACT, 0], 'clsact')
}

/** Attaches a program, which returns the fate of a frame. Rejects with a VnetError. */
export function addProgram(sock: RouteSocket, { ifindex, at, name, fd }: TcProgram): Promise<void> {
  return add(sock, uapi.RTM_NEWTFILTER, [ifindex, 0, PARENT[at], FIRST_OF_ALL], 'bpf', builder =>
    builder.nested(uapi.TCA_OPTIONS, options =>
      options
        .u32(uapi.TCA_BPF_FD, fd)
        .string(uapi.TCA_BPF_NAME, name)
        .u32(uapi.TCA_BPF_FLAGS, uapi.TCA_BPF_FLAG_ACT_DIRECT),
    ),
  )
}

/** `tcmsg`: interface index, handle, parent and info of a struct tcmsg. */
async function add(
  sock: RouteSocket,
  type: number,
  tcmsg: readonly number[],
  kind: 'clsact' | 'bpf',
  write: (builder: MessageBuilder) => unknown = () => {},
): Promise<void> {
  const message = new Uint8Array(TCMSG)
  for (const [i, value] of tcmsg.entries()) {
    putU32(message, 4 + 4 * i, value)
  }
  try {
    await sock.requestAside({
      type,
      flags: NLM_F_CREATE | NLM_F_EXCL,
      what: () => `${kind} on ${nameOf(sock, tcmsg[0] as number)}`,
      write: builder => void write(builder.payload(message).string(uapi.TCA_KIND, kind)),
    })
  } catch (error) {
    if (!isErrno(error, ENOENT)) throw error
    throw new VnetError(ENOENT, error.what, moduleMissing(MODULES[kind]))
  }
}

const MODULES = { clsact: 'sch_ingress', bpf: 'cls_bpf' } as const

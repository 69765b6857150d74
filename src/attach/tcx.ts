/**
 * The tcx programs that redirect the frames of an interface through two TAPs. The programs on the
 * interface redirect received frames to TAP `a` and transmitted frames to TAP `b`. The programs on
 * the TAPs return the frames that vnet writes: the interface transmits those from `a` and receives
 * those from `b`. They carry a mark, by which the programs on the interface let them pass.
 *
 * When the time `aliveUntil` is over, frames pass the interface directly, because vnet hangs.
 */
import {
  addAtomic64,
  attachTcx,
  BPF_F_INGRESS,
  BPF_FUNC_KTIME_GET_NS,
  BPF_FUNC_REDIRECT,
  BPF_TCX_EGRESS,
  BPF_TCX_INGRESS,
  call,
  createArray,
  exit,
  type Instruction,
  jumpIfEqual,
  jumpIfGreater,
  load32,
  load64,
  loadProgram,
  mapValue,
  mov,
  mov32Imm,
  movImm,
  readArray,
  SKB_MARK,
  store32,
  TCX_DROP,
  TCX_NEXT,
  type TcxTarget,
  tcxPrograms,
  writeArray,
} from '../linux/bpf.ts'
import { closing, closingOnError } from '../linux/errno.ts'
import type { Native } from '../linux/native.ts'

/** The maps that the programs share with vnet. */
interface Maps {
  /** CLOCK_MONOTONIC in ns. */
  readonly aliveUntil: number
  /** Frames that passed directly: received ones, then transmitted ones. */
  readonly passed: number
}

/** The interface, and the TAPs that its received and transmitted frames pass. */
export interface Ends extends TcxTarget {
  readonly a: number
  readonly b: number
}

/**
 * On the interface: a frame that has passed the wire continues, without the mark. Other frames are
 * redirected to a TAP. When the time is over they continue, with their own mark, and are counted.
 */
function toTap(mark: number, maps: Maps, tap: number, counter: 0 | 1): Instruction[] {
  return [
    mov(6, 1),
    load32(2, 6, SKB_MARK),
    mov32Imm(3, mark),
    jumpIfEqual(2, 3, 17),
    call(BPF_FUNC_KTIME_GET_NS),
    ...mapValue(1, maps.aliveUntil),
    load64(1, 1, 0),
    jumpIfGreater(0, 1, 6),
    // vnet is alive.
    mov32Imm(2, mark),
    store32(6, SKB_MARK, 2),
    movImm(1, tap),
    movImm(2, 0),
    call(BPF_FUNC_REDIRECT),
    exit(),
    // vnet hangs.
    ...mapValue(1, maps.passed),
    movImm(2, 1),
    addAtomic64(1, counter * 8, 2),
    mov32Imm(0, TCX_NEXT),
    exit(),
    // The frame has passed the wire.
    movImm(2, 0),
    store32(6, SKB_MARK, 2),
    mov32Imm(0, TCX_NEXT),
    exit(),
  ]
}

/** On a TAP: the frames that vnet writes return to the interface. */
function fromTap(mark: number, ifindex: number, flags: number): Instruction[] {
  return [
    mov32Imm(2, mark),
    store32(1, SKB_MARK, 2),
    movImm(1, ifindex),
    movImm(2, flags),
    call(BPF_FUNC_REDIRECT),
    exit(),
  ]
}

/** On a TAP: drops frames that other programs send there, which have no mark. */
function onlyMarked(mark: number): Instruction[] {
  return [
    load32(2, 1, SKB_MARK),
    mov32Imm(3, mark),
    mov32Imm(0, TCX_NEXT),
    jumpIfEqual(2, 3, 1),
    mov32Imm(0, TCX_DROP),
    exit(),
  ]
}

/** The name of the program for received frames, with the process id of vnet. */
const OWNER = /^vnet_in_(\d+)$/

/**
 * Returns the process id of the vnet that has attached to an interface. Returns undefined if no
 * vnet has, or if this process lacks CAP_SYS_ADMIN. Throws a VnetError, EOPNOTSUPP if the kernel
 * has no tcx.
 */
export function attachedBy(native: Native, target: TcxTarget): number | undefined {
  const names = tcxPrograms(native, target, BPF_TCX_INGRESS)
  const pid = names.map(name => OWNER.exec(name ?? '')?.[1]).find(found => found !== undefined)
  return pid === undefined ? undefined : Number(pid)
}

/** The programs of an attachment. Frames pass directly after close() or the end of the process. */
export class TcxRedirect implements Disposable {
  readonly #native: Native
  readonly #maps: Maps
  readonly #links: number[] = []
  #isClosed = false
  readonly #time = new BigUint64Array(1)
  readonly #passed = new BigUint64Array(2)

  /** Throws a VnetError, EPERM without CAP_BPF. */
  constructor(native: Native) {
    this.#native = native
    const aliveUntil = createArray(native, 1)
    this.#maps = closingOnError(native, [aliveUntil], () => ({ aliveUntil, passed: createArray(native, 2) }))
  }

  /**
   * Attaches all programs. `mark` is 32 bits that no other program knows. Throws a VnetError, and
   * is closed then.
   */
  attach({ nsfd, ifindex, a, b }: Ends, mark: number): void {
    const attach = (name: string, instructions: Instruction[], at: number, type: number) => {
      closing(this.#native, loadProgram(this.#native, name, instructions), program => {
        this.#links.push(attachTcx(this.#native, program, { nsfd, ifindex: at }, type))
      })
    }
    try {
      // The way back first: no frame is led into a TAP that leads nowhere.
      attach('vnet_a_out', onlyMarked(mark), a, BPF_TCX_EGRESS)
      attach('vnet_b_out', onlyMarked(mark), b, BPF_TCX_EGRESS)
      attach('vnet_a_in', fromTap(mark, ifindex, 0), a, BPF_TCX_INGRESS)
      attach('vnet_b_in', fromTap(mark, ifindex, BPF_F_INGRESS), b, BPF_TCX_INGRESS)
      attach(`vnet_in_${process.pid}`, toTap(mark, this.#maps, a, 0), ifindex, BPF_TCX_INGRESS)
      attach('vnet_out', toTap(mark, this.#maps, b, 1), ifindex, BPF_TCX_EGRESS)
    } catch (error) {
      this.close()
      throw error
    }
  }

  /** Frames pass the wire until `ns`, a time of CLOCK_MONOTONIC. */
  aliveUntil(ns: number): void {
    this.#time[0] = BigInt(Math.round(ns))
    writeArray(this.#native, this.#maps.aliveUntil, this.#time)
  }

  /** How many frames passed directly because vnet was late. */
  passed(): { in: number; out: number } {
    readArray(this.#native, this.#maps.passed, this.#passed)
    return { in: Number(this.#passed[0]), out: Number(this.#passed[1]) }
  }

  /** Detaches all programs, those at the interface first. Idempotent. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const fd of [...this.#links.reverse(), this.#maps.aliveUntil, this.#maps.passed]) this.#native.close(fd)
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

/**
 * The BPF programs that redirect the frames of an interface through two TAPs. The tcx programs on
 * the interface redirect received frames to TAP `a` and transmitted frames to TAP `b`. The programs
 * on the TAPs, in their clsact qdiscs, return the frames that vnet writes: the interface transmits
 * those from `a` and receives those from `b`. They carry a mark, by which the programs on the
 * interface let them pass.
 *
 * When the time `aliveUntil` is over, frames pass the interface directly, because vnet hangs.
 */

import * as bpf from '../linux/bpf.ts'
import { closeAside, closeFds, closing, closingOnError, type Native } from '../linux/index.ts'
import { addClsact, addProgram, RouteSocket, type TcHook } from '../linux/rtnetlink.ts'
import * as uapi from '../linux/uapi.ts'
import type { BpfProgram } from '../packet/bpf.ts'
import { filterLines } from './filter-program.ts'

/** The maps that the programs share with vnet. */
interface Maps {
  /** CLOCK_MONOTONIC in ns. */
  readonly aliveUntil: number
  /** Frames that passed directly: received ones, then transmitted ones. */
  readonly passed: number
  /** Frames that no filter matched, likewise, for each CPU. */
  readonly unmatched: number
}

/** The interface, and the TAPs that its received and transmitted frames pass. */
export interface Ends extends bpf.TcxTarget {
  readonly a: number
  readonly b: number
}

/**
 * On the interface: a frame that has passed the wire continues, without the mark. So does a frame
 * that none of `filters` matches, which is counted for its CPU; without filters all match. Other
 * frames are redirected to a TAP. When the time is over they continue, with their own mark, and are
 * counted.
 */
function toTap(
  mark: number,
  maps: Maps,
  tap: number,
  counter: 0 | 1,
  filters: readonly BpfProgram[],
): bpf.Line[] {
  const next = [bpf.mov32Imm(0, uapi.TCX_NEXT), bpf.exit()]
  return [
    bpf.mov(6, 1),
    bpf.load32(2, 6, uapi.SKB_MARK),
    bpf.mov32Imm(3, mark),
    bpf.jumpIfEqual(2, 3, 'returned'),
    ...(filters.length === 0 ? [] : filterLines(filters, 'unmatched')),
    bpf.call(uapi.BPF_FUNC_KTIME_GET_NS),
    ...bpf.mapValue(1, maps.aliveUntil),
    bpf.load64(1, 1, 0),
    bpf.jumpIfGreater(0, 1, 'late'),
    bpf.mov32Imm(2, mark),
    bpf.store32(6, uapi.SKB_MARK, 2),
    bpf.movImm(1, tap),
    bpf.movImm(2, 0),
    bpf.call(uapi.BPF_FUNC_REDIRECT),
    bpf.exit(),
    'late',
    ...bpf.mapValue(1, maps.passed),
    bpf.movImm(2, 1),
    bpf.addAtomic64(1, counter * 8, 2),
    ...next,
    'returned',
    bpf.movImm(2, 0),
    bpf.store32(6, uapi.SKB_MARK, 2),
    ...next,
    ...(filters.length === 0
      ? []
      : ['unmatched', ...bpf.countPerCpu(maps.unmatched, counter), ...next]),
  ]
}

/** On a TAP: makes the frames that vnet writes return to the interface. */
function fromTap(mark: number, ifindex: number, flags: number): bpf.Line[] {
  return [
    bpf.mov32Imm(2, mark),
    bpf.store32(1, uapi.SKB_MARK, 2),
    bpf.movImm(1, ifindex),
    bpf.movImm(2, flags),
    bpf.call(uapi.BPF_FUNC_REDIRECT),
    bpf.exit(),
  ]
}

/** The name of the program for received frames, with the process id of vnet. */
const OWNER = /^vnet_in_(\d+)$/

/**
 * Returns the process id of the vnet that has attached to an interface. Returns undefined if no
 * vnet has, or if this process lacks CAP_SYS_ADMIN. Throws a VnetError, EOPNOTSUPP if the kernel
 * has no tcx.
 */
export function attachedBy(native: Native, target: bpf.TcxTarget): number | undefined {
  const names = bpf.tcxPrograms(native, target, uapi.BPF_TCX_INGRESS)
  const pid = names.map(name => OWNER.exec(name ?? '')?.[1]).find(found => found !== undefined)
  return pid === undefined ? undefined : Number(pid)
}

/** Attaches the programs of a TAP, which end with the TAP. */
async function attachToTap(
  native: Native,
  nsfd: number,
  ifindex: number,
  end: 'a' | 'b',
  programs: Readonly<Record<TcHook, bpf.Line[]>>,
): Promise<void> {
  using sock = RouteSocket.open(native, nsfd)
  await addClsact(sock, ifindex)
  for (const at of ['egress', 'ingress'] as const) {
    const name = `vnet_${end}_${at}`
    const fd = bpf.loadProgram(native, name, programs[at])
    await closing(native, fd, () => addProgram(sock, { ifindex, at, name, fd }))
  }
}

/** The programs of an attachment. Frames pass directly after close() or the end of the process. */
export class TcxRedirect {
  readonly #native: Native
  readonly #maps: Maps
  /** The links of the received and of the transmitted frames. */
  readonly #links: number[] = []
  #load: (counter: 0 | 1) => number = () => -1
  #filters: readonly BpfProgram[] = []
  #attached: Promise<void> = Promise.resolve()
  #closed: Promise<void> | undefined
  readonly #time = new BigUint64Array(1)
  readonly #passed = new BigUint64Array(2)
  /** Two words of each CPU, as of the last read. */
  #perCpu: BigUint64Array | undefined

  /** Throws a VnetError, EPERM without CAP_BPF. */
  constructor(native: Native) {
    this.#native = native
    const made: number[] = []
    const array = (count: number, isPerCpu: boolean) => {
      made.push(bpf.createArray(native, count, isPerCpu))
      return made.at(-1) as number
    }
    this.#maps = closingOnError(native, made, () => ({
      aliveUntil: array(1, false),
      passed: array(2, false),
      unmatched: array(2, true),
    }))
  }

  /**
   * Attaches all programs, once. Frames pass directly until start(). `mark` is 32 bits that no
   * other program knows. Rejects with a VnetError; close() detaches what was attached.
   */
  attach(ends: Ends, mark: number): Promise<void> {
    this.#attached = this.#attach(ends, mark)
    return this.#attached
  }

  async #attach({ nsfd, ifindex, a, b }: Ends, mark: number): Promise<void> {
    const native = this.#native
    // The return path first, so that no frame enters a TAP that leads nowhere. On a TAP, this
    // program drops frames that other programs send there, which have no mark.
    const egress = [
      bpf.load32(2, 1, uapi.SKB_MARK),
      bpf.mov32Imm(3, mark),
      bpf.mov32Imm(0, uapi.TCX_NEXT),
      bpf.jumpIfEqual(2, 3, 'marked'),
      bpf.mov32Imm(0, uapi.TCX_DROP),
      'marked',
      bpf.exit(),
    ]
    await Promise.all([
      attachToTap(native, nsfd, a, 'a', { egress, ingress: fromTap(mark, ifindex, 0) }),
      attachToTap(native, nsfd, b, 'b', {
        egress,
        ingress: fromTap(mark, ifindex, uapi.BPF_F_INGRESS),
      }),
    ])
    this.#load = counter =>
      bpf.loadProgram(
        native,
        [`vnet_in_${process.pid}`, 'vnet_out'][counter] as string,
        toTap(mark, this.#maps, [a, b][counter] as number, counter, this.#filters),
      )
    for (const [counter, type] of [
      [0, uapi.BPF_TCX_INGRESS] as const,
      [1, uapi.BPF_TCX_EGRESS] as const,
    ]) {
      const program = this.#load(counter)
      const attach = () => bpf.attachTcx(native, program, { nsfd, ifindex }, type)
      this.#links.push(await closing(native, program, attach))
    }
  }

  /** Frames pass the wire from now on, until `ns`. Those that passed directly were not late. */
  start(ns: number): void {
    bpf.writeArray(this.#native, this.#maps.passed, this.#passed.fill(0n))
    this.aliveUntil(ns)
  }

  /** Frames pass the wire until `ns`, a time of CLOCK_MONOTONIC. */
  aliveUntil(ns: number): void {
    this.#time[0] = BigInt(Math.round(ns))
    bpf.writeArray(this.#native, this.#maps.aliveUntil, this.#time)
  }

  /** How many frames passed directly because vnet was late, until close(). */
  passed(): { in: number; out: number } {
    if (!this.isClosed) {
      bpf.readArray(this.#native, this.#maps.passed, this.#passed)
    }
    return { in: Number(this.#passed[0]), out: Number(this.#passed[1]) }
  }

  /**
   * From now on frames that none of `filters` matches continue, in both directions, without passing
   * the wire; without filters all match. Throws a VnetError, EPERM without CAP_BPF, E2BIG or ENOMEM
   * for filters that are too long; the earlier ones continue then.
   */
  setFilter(filters: readonly BpfProgram[]): void {
    const before = this.#filters
    this.#filters = filters
    try {
      // Both, so that no direction is changed without the other.
      const programs: number[] = []
      closingOnError(this.#native, programs, () => {
        for (const [nth] of this.#links.entries()) {
          programs.push(this.#load(nth as 0 | 1))
        }
        for (const [nth, link] of this.#links.entries()) {
          bpf.replaceProgram(this.#native, link, programs[nth] as number)
        }
      })
      closeFds(this.#native, programs)
    } catch (error) {
      this.#filters = before
      throw error
    }
  }

  /** How many frames the filters have not matched, until close(). */
  unmatched(): { in: number; out: number } {
    this.#perCpu ??= new BigUint64Array(2 * bpf.possibleCpus())
    const values = this.#perCpu
    if (!this.isClosed) {
      bpf.readArray(this.#native, this.#maps.unmatched, values)
    }
    const sum = (at: number) =>
      Number(values.reduce((all, value, i) => (i % 2 === at ? all + value : all), 0n))
    return { in: sum(0), out: sum(1) }
  }

  get isClosed(): boolean {
    return this.#closed !== undefined
  }

  /** Lets frames pass directly from now on, and detaches all programs. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    this.aliveUntil(0)
    this.passed()
    if (this.#filters.length > 0) {
      this.unmatched()
    }
    await this.#attached.catch(() => {})
    await closeAside(this.#native, [
      ...this.#links.splice(0).reverse(),
      ...Object.values(this.#maps),
    ])
  }
}

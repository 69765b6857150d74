/**
 * A program under supervision without a filter: it has this process's descriptors, its memory is an
 * array, and its arguments make a call. Records the results of all calls.
 */

import { ownNamespace } from '#src/control/sockets/directory.ts'
import { check } from '#src/linux/errno.ts'
import { loadNative } from '#src/linux/native.ts'
import { AF_NETLINK, NETLINK_GENERIC, SOCK_RAW, sockaddrNl } from '#src/linux/uapi.ts'
import { MEMORY_AT, memoryOf } from '#support/user-memory.ts'
import { OtherProcesses } from '../../src/other-process.ts'
import { portOf } from '../../src/program-socket.ts'
import type { Notification } from '../../src/seccomp.ts'
import type { Supervision } from '../../src/supervision.ts'

/** `undefined` is a call that was left to the kernel. */
export type CallResult = number | undefined

export class SupervisedProgram implements Disposable {
  readonly native = loadNative()
  readonly netns = ownNamespace('net')
  readonly memory = new Uint8Array(64 << 10)
  readonly results: CallResult[] = []
  /** Exceptions that had no caller. */
  readonly defects: unknown[] = []
  /** The descriptors that calls returned: the number, and whether it is close-on-exec. */
  readonly given: [number: number, cloexec: boolean][] = []
  /** Whether its threads still wait for their results. */
  isWaiting = true
  readonly processes: OtherProcesses
  readonly #home: number
  readonly #open = new Set<number>()
  #used = 0
  #resolve = () => {}

  constructor() {
    this.#home = this.socket()
    const access = memoryOf(this.memory)
    this.processes = Object.assign(
      new OtherProcesses(this.native, { fd: this.#home, inode: this.netns }),
      {
        read: (_pid: number, address: bigint, into: Uint8Array) => access.read(address, into),
        write: (address: bigint, from: Uint8Array) =>
          from.length === 0 ? 0 : access.write(address, from),
        inMemoryOf: <T>(_pid: number, isStill: () => boolean, fn: () => T) =>
          isStill() ? fn() : undefined,
      },
    )
  }

  /** What handlers get; `rest` has what a test needs besides. */
  supervision(rest: Partial<Supervision> = {}): Supervision {
    const listener = {
      isWaiting: () => this.isWaiting,
      answer: (_: Notification, result: CallResult) => this.#answer(result),
      proceed: () => this.#answer(undefined),
      answerDescriptor: (_: Notification, _fd: number, number: number, cloexec: boolean) => {
        this.given.push([number, cloexec])
        return number
      },
    }
    const { native, processes } = this
    const shared = { native, processes, listener, requesterOf: () => undefined }
    return {
      ...shared,
      onDefect: (error: unknown) => this.defects.push(error),
      ...rest,
    } as unknown as Supervision
  }

  /** Opens a bound generic netlink socket, or one of another protocol. */
  socket(protocol = NETLINK_GENERIC): number {
    const fd = check(this.native.socket(AF_NETLINK, SOCK_RAW, protocol, -1), 'socket')
    this.#open.add(fd)
    check(this.native.bind(fd, sockaddrNl()), 'bind')
    return fd
  }

  port(fd: number): number {
    return portOf(this.native, fd)
  }

  close(fd: number): void {
    if (this.#open.delete(fd)) {
      this.native.close(fd)
    }
  }

  /** Puts bytes into the memory. Returns their address. */
  put(bytes: Uint8Array | BigUint64Array): bigint {
    const octets = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const at = this.#used
    this.memory.set(octets, at)
    this.#used = (at + octets.length + 7) & ~7
    return MEMORY_AT + BigInt(at)
  }

  /** Returns the address of that many bytes of memory. */
  room(length: number): bigint {
    return this.put(new Uint8Array(length))
  }

  /** Returns the address of an array of struct iovec. */
  iovecs(...spans: readonly (readonly [address: bigint, length: number])[]): bigint {
    return this.put(
      BigUint64Array.from(spans.flatMap(([address, length]) => [address, BigInt(length)])),
    )
  }

  /** Returns a part of the memory, as it is now. */
  at(address: bigint, length: number): Uint8Array {
    const from = Number(address - MEMORY_AT)
    return this.memory.slice(from, from + length)
  }

  uint32(address: bigint): number {
    return new DataView(this.at(address, 4).buffer).getUint32(0, true)
  }

  /** A call with these arguments. */
  call(...args: readonly (number | bigint)[]): Notification {
    const address = (i: number) => BigInt.asUintN(64, BigInt(args[i] ?? 0))
    return {
      pid: process.pid,
      address,
      int: (i: number) => Number(BigInt.asIntN(32, address(i))),
    } as Notification
  }

  /** Settles when the call that is made next has returned, or was left to the kernel. */
  returned(): Promise<void> {
    return new Promise(resolve => {
      this.#resolve = resolve
    })
  }

  [Symbol.dispose](): void {
    this.processes.close()
    for (const fd of [...this.#open]) {
      this.close(fd)
    }
  }

  #answer(result: CallResult): void {
    this.results.push(result)
    this.#resolve()
  }
}

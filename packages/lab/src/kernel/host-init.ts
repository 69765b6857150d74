/**
 * HostInit: process 1 of a host (native/within/host-init.h). All programs of the host run in its
 * PID namespace, so that they stop, continue and end together. It ends with this process, even if
 * that is killed, and then nothing of the host is left.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { attempt, EPIPE, UsageError, VnetError } from 'vnet'
import { builtFile, check, closeFd, closingOnError, type Native } from 'vnet/kit/linux'
import { uapi } from 'vnet/kit/net'
import { outside } from '../world/code.ts'
import { HostClock, type ProgramOptions } from './host-clock.ts'
import { hasOwnNumbers } from './processes.ts'

/** Seconds after which a reply is missing. The init itself gives up earlier. */
const REPLY_S = 10n
/** The maximum length of a reply. */
const REPLY_BYTES = 256

const ENDED = 'their first process was killed'

/** kAnyKills of native/within/host-init.h. */
const ANY_KILLS = -1

const COMMANDS = { stop: 's', continue: 'c', kill: 'k', fill: 'f', free: 'd' } as const

/** The host that an init is for. The descriptor remains its owner's. */
export interface InitPlace {
  readonly native: Native
  /** A descriptor of the network namespace of the host. */
  readonly nsfd: number
  /** The directory of the files that programs see in /etc. */
  readonly etc: string
  /** Whether the clock of the programs can be set. */
  readonly hasClock: boolean
  /** The bytes that programs may write to the disk. */
  readonly diskBytes: number
}

/**
 * The first process of a host's programs. They run below it, so that one request stops, continues
 * or kills them all. Its owner ends it.
 */
export class HostInit {
  /** Its process id. */
  readonly pid: number
  readonly #native: Native
  readonly #fd: number
  readonly #child: ChildProcess
  /** The clock of the programs, if it can be set. */
  readonly clock: HostClock | undefined
  readonly #etc: string
  /** How often its programs were killed. A launcher from before starts nothing. */
  #kills = 0
  #hasEnded = false

  /** Returns when programs can be started. Throws a VnetError if the kernel refuses. */
  constructor({ native, nsfd, etc, hasClock, diskBytes }: InitPlace) {
    if (!hasOwnNumbers()) {
      throw new UsageError(
        'faults of programs need the /proc of their PID namespace: mount -t proc proc /proc',
      )
    }
    this.clock = hasClock ? new HostClock(etc) : undefined
    const pair = new Int32Array(2)
    check(native.socketpair(uapi.SOCK_SEQPACKET, pair), 'socketpair')
    const [fd, theirs] = pair as unknown as [number, number]
    this.#native = native
    this.#fd = fd
    this.#etc = etc
    const args = ['--init', process.pid, 3, 4, etc, diskBytes].map(String)
    // A new session keeps Ctrl-C at a terminal from ending it.
    const options = { detached: true, stdio: ['ignore', 'ignore', 'ignore', nsfd, theirs] } as const
    this.#child = closingOnError(native, [fd, theirs], () =>
      outside(() =>
        spawn(builtFile('vnet-within', 'the launcher'), args, {
          ...options,
          stdio: [...options.stdio],
        }),
      ),
    )
    this.#child.unref()
    // Without a reply, the error of the constructor says so.
    this.#child.on('error', () => {})
    closeFd(native, theirs)
    this.pid = closingOnError(native, [fd], () => {
      check(
        native.setsockopt(fd, uapi.SOL_SOCKET, uapi.SO_RCVTIMEO, secondsOf(REPLY_S)),
        'SO_RCVTIMEO',
      )
      return Number(this.#reply())
    })
  }

  /** The directory of the disk, where only programs of the host see it. */
  get disk(): string {
    return `${this.#etc}.disk`
  }

  /**
   * Returns the arguments with which the launcher starts a program on the host. `isOnce` says that
   * they are used now, for one start: after a later kill they start nothing. Throws a UsageError if
   * the program is refused.
   */
  argsFor(command: string, options: ProgramOptions, isOnce: boolean): readonly string[] {
    const variables = [
      `VNET_DISK=${this.disk}`,
      ...(this.clock?.variablesFor(command, options) ?? []),
    ]
    return [
      '--host',
      String(isOnce ? this.#kills : ANY_KILLS),
      ...variables.flatMap(each => ['--env', each]),
    ]
  }

  /** Returns when it is done, or has ended. Throws a VnetError. */
  request(command: keyof typeof COMMANDS): void {
    if (this.#hasEnded) return
    if (command === 'kill') {
      this.#kills++
    }
    check(
      this.#native.send(this.#fd, Buffer.from(COMMANDS[command]), 0),
      `${command} the programs`,
      ENDED,
    )
    this.#reply()
  }

  /** Kills all programs and ends. */
  end(): void {
    if (this.#hasEnded) return
    // Killed by another process, it leaves no program.
    attempt(() => this.request('kill'))
    this.#hasEnded = true
    closeFd(this.#native, this.#fd)
  }

  /** Kills all programs, and settles when the init has ended. */
  async close(): Promise<void> {
    const { exitCode, signalCode, pid } = this.#child
    const hasExited = pid === undefined || exitCode !== null || signalCode !== null
    const exit = hasExited ? undefined : once(this.#child, 'exit')
    this.#child.ref()
    this.end()
    await exit
  }

  /** Throws a VnetError if the reply is a failure. */
  #reply(): string {
    const into = Buffer.alloc(REPLY_BYTES)
    const length = check(this.#native.recv(this.#fd, into, 0), 'wait for the init of the host')
    const [, errno, text = ''] = /^(\d+) (.*)$/.exec(into.toString('latin1', 0, length)) ?? []
    if (errno === '0') return text
    if (errno === undefined) throw new VnetError(EPIPE, 'command the programs', ENDED)
    throw new VnetError(Number(errno), text)
  }
}

/** Returns a struct timeval. */
const secondsOf = (seconds: bigint): Uint8Array =>
  new Uint8Array(BigInt64Array.of(seconds, 0n).buffer)

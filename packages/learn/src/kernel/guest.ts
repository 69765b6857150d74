/** A virtual machine with the learner's module, in QEMU. */
import { type ChildProcess, spawn } from 'node:child_process'
import type { EventEmitter } from 'node:events'
import { accessSync, constants, readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { withParent } from 'vnet/kit/linux'
import type { KernelCard } from '../exercise.ts'

const MEMORY_MB = 256
const WIRES = 3
/** Milliseconds for the start; the kernel takes 1 s with KVM, 10 s without. */
const START_LIMIT_MS = { kvm: 30_000, tcg: 90_000 }
const COMMAND_LIMIT_MS = { kvm: 15_000, tcg: 60_000 }
/** The console is kept to this length, characters. */
const CONSOLE_MAX = 1 << 20

/**
 * Returns a text without its middle if it is longer than `most` characters. The first lines of a
 * console name the cause, which others repeat, and the last one says how it ended.
 */
export function withoutMiddle(text: string, most: number): string {
  const half = most >> 1
  return text.length <= most ? text : `${text.slice(0, half)}\n${text.slice(half + 1 - most)}`
}

/** Returns how QEMU runs a machine here: some machines have /dev/kvm without what it needs. */
function accelerator(): 'kvm' | 'tcg' {
  if (!/^flags\s.* (vmx|svm) /m.test(readFileSync('/proc/cpuinfo', 'utf8'))) return 'tcg'
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK)
    return 'kvm'
  } catch {
    return 'tcg'
  }
}

/** The machine has ended, or does not reply. */
export class GuestEnded extends Error {
  override readonly name = 'GuestEnded'
}

type GuestFiles = Readonly<Record<'image' | 'initramfs' | 'directory', string>>

/** Returns the command line of the kernel. */
function kernelLine(isKvm: boolean, hasCard: boolean): string {
  // A loop without end in the kernel ends the machine after twice this time, in seconds.
  const lockup = isKvm ? 4 : 10
  const words = [
    'console=ttyS0 loglevel=5 nokaslr mitigations=off slub_debug=FZP',
    // Which of two reports is the first would depend on the machine's load otherwise.
    'rcupdate.rcu_cpu_stall_suppress=1',
    `oops=panic panic=-1 softlockup_panic=1 watchdog_thresh=${lockup}`,
    // The first lockup that is noticed may be on a CPU that waits for the learner's.
    'sysctl.kernel.softlockup_all_cpu_backtrace=1',
    // Without KVM, a busy machine is too slow for the kernel's test of its timer.
    'no_timer_check',
    ...(hasCard ? ['intel_iommu=on iommu=strict'] : []),
  ]
  return words.join(' ')
}

/** Returns the arguments for an IOMMU, and for the card with a cable. */
const cardArguments = (cable: string): string[] => [
  ...['-machine', 'q35,kernel-irqchip=off', '-device', 'intel-iommu'],
  ...['-netdev', `stream,id=cable,server=on,addr.type=unix,addr.path=${cable}`],
  ...['-device', 'e1000,netdev=cable,romfile='],
]

/** A machine, from its constructor until close(). One command runs at a time. */
export class Guest {
  /** The kernel's console so far, without its middle if that is long. */
  console = ''
  readonly sockets: string
  /** The end of the card's cable, a Unix socket. */
  readonly cable: string
  readonly #accelerator: 'kvm' | 'tcg'
  readonly #child: ChildProcess
  /** Settles when the guest has started. */
  readonly started: Promise<void>
  /** Rejects with a GuestEnded. */
  readonly ended: Promise<never>
  readonly #lines: string[] = []
  #control: Socket | undefined
  #wake = () => {}

  constructor({
    image,
    initramfs,
    directory,
    card,
  }: GuestFiles & { readonly card?: KernelCard | undefined }) {
    // With an IOMMU, the kernel starts without KVM only.
    this.#accelerator = card === undefined ? accelerator() : 'tcg'
    this.sockets = join(directory, 'wire')
    this.cable = join(directory, 'cable')
    const control = join(directory, 'control')
    const isKvm = this.#accelerator === 'kvm'
    const wires = Array.from({ length: WIRES }, (_, i) => [
      ...['-netdev', `stream,id=n${i},server=on,addr.type=unix,addr.path=${this.sockets}${i}`],
      ...['-device', `virtio-net-pci,netdev=n${i},mac=02:00:00:00:01:0${i},romfile=,mrg_rxbuf=on`],
    ]).flat()
    const args = [
      ...['-accel', isKvm ? 'kvm' : 'tcg,thread=multi', '-cpu', isKvm ? 'host' : 'Nehalem'],
      ...['-smp', '2', '-m', `${MEMORY_MB}`],
      ...[
        '-nodefaults',
        '-no-user-config',
        '-display',
        'none',
        '-no-reboot',
        '-kernel',
        image,
        '-initrd',
        initramfs,
      ],
      ...[
        '-append',
        kernelLine(isKvm, card !== undefined),
        '-chardev',
        'stdio,id=console,signal=off',
        '-serial',
        'chardev:console',
      ],
      ...[
        '-chardev',
        `socket,id=control,path=${control},server=on,wait=off`,
        '-serial',
        'chardev:control',
        ...wires,
      ],
      ...(card === undefined ? [] : cardArguments(this.cable)),
    ]
    const [program = '', ...words] = withParent(['qemu-system-x86_64', ...args])
    this.#child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'] })
    process.once('exit', () => this.#child.kill('SIGKILL'))
    const { stdout, stderr } = this.#child
    for (const stream of [stdout, stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.console = withoutMiddle(this.console + text.replaceAll('\r', ''), CONSOLE_MAX)
      })
    }
    this.ended = new Promise((_, reject) => {
      this.#child.on('error', reject).on('close', () => {
        const last = this.console.trim().split('\n').at(-1)
        reject(new GuestEnded(`the virtual machine has ended: ${last}`))
      })
    })
    this.ended.catch(() => {})
    this.started = this.#start(control)
    this.started.catch(() => {})
  }

  async #start(control: string): Promise<void> {
    const limit = AbortSignal.timeout(START_LIMIT_MS[this.#accelerator])
    while (this.#control === undefined) {
      limit.throwIfAborted()
      await Promise.race([this.#connect(control).catch(() => sleep(20)), this.ended])
    }
    await this.#reply(START_LIMIT_MS[this.#accelerator])
  }

  #connect(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const socket = connect(path)
      socket.on('error', reject).on('connect', () => {
        this.#control = socket
        const lines = createInterface({ input: socket })
        lines.on('line', line => {
          this.#lines.push(line)
          this.#wake()
        })
        // QEMU has ended, which `ended` reports; readline passes errors on.
        ;(lines as EventEmitter).on('error', () => {})
        resolve()
      })
    })
  }

  /** Returns the lines of a reply, without the last. Throws a GuestEnded. */
  async #reply(ms: number): Promise<string[]> {
    const late = sleep(ms, undefined, { ref: false }).then(() => {
      throw new GuestEnded(`the virtual machine has not answered for ${ms / 1000} s`)
    })
    late.catch(() => {})
    const lines: string[] = []
    for (;;) {
      const line = this.#lines.shift()
      if (line === undefined) {
        const more = new Promise<void>(resolve => {
          this.#wake = resolve
        })
        await Promise.race([more, this.ended, late])
      } else if (line.startsWith(' ')) {
        lines.push(line.slice(1))
      } else if (line.startsWith('error ')) {
        throw new Error(line.slice('error '.length))
      } else {
        return lines
      }
    }
  }

  /** Runs a command of course/kernel/guest.c. Throws an Error with its text, or a GuestEnded. */
  async command(...words: readonly string[]): Promise<string[]> {
    await this.started
    this.#control?.write(`${words.join(' ')}\n`)
    return this.#reply(COMMAND_LIMIT_MS[this.#accelerator])
  }

  /** Ends the machine and waits for its end. Idempotent. */
  async close(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.ended.catch(() => {})
  }
}

/**
 * A virtual machine of QEMU in virtual time (packages/guest/docs/virtual-time.md): it counts
 * instructions, one a nanosecond, and its time jumps when it is idle. None of its devices works in
 * real time: files are memory, and nothing arrives while it runs.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { closeSync, ftruncateSync, openSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { withParent, writeFile } from 'vnet/kit/linux'
import { partOf } from './programs.ts'
import { settleClock } from './settle.ts'

const MIB = 1 << 20
/** Bytes of a console that are read for the reason of an end. */
const CONSOLE_READ = 64 << 10
export const QEMU = 'qemu-system-x86_64'

/** Memories of a machine besides its RAM, in order, in MiB. Snapshots need files of these sizes. */
export const MEMORIES = { image: 2048, outbox: 1024, inbox: 128, project: 2048 } as const
/** The paths of the files of these memories. */
export type Memories = Readonly<Record<keyof typeof MEMORIES, string>>

/**
 * The settings of virtual time for QEMU; TIME_WORDS are the kernel's. The reason of each is in
 * docs/records/virtual-time.md.
 */
export const TIME_ARGUMENTS: readonly string[] = [
  ...['-accel', 'tcg,tb-size=512', '-seed', '1', '-rtc', 'base=2026-01-01,clock=vm'],
  ...['-icount', 'shift=0,sleep=off,rr=record,rrfile=/dev/null'],
  ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
]
export const TIME_WORDS =
  'quiet panic=-1 reboot=t norandmaps mitigations=off psi=0 nowatchdog cryptomgr.notests numa=off'

export const KERNEL_LINE = `console=ttyS0 tsc=reliable ${TIME_WORDS}`

/** The start of a machine: a kernel, or the state of the devices of a snapshot. */
export type Start =
  | { readonly kernel: string; readonly initramfs: string }
  | { readonly devices: string }

/** A machine to start. Its files belong to the caller, and outlive the machine. */
export interface MachineSpec {
  readonly memoryMb: number
  /** The file of its RAM. */
  readonly ram: string
  /** Whether the guest's writes to RAM are kept in the file. */
  readonly keeps: boolean
  readonly start: Start
  readonly memories: Memories
  /** The file of its console. */
  readonly console: string
}

/** Returns `QEMU emulator version 7.2.22 ...`. */
export const qemuVersion = (): string =>
  spawnSync(QEMU, ['--version'], { encoding: 'utf8' }).stdout.split('\n', 1)[0] as string

/** Returns the arguments that a snapshot depends on, without paths. */
export function machineArguments(memoryMb: number): string[] {
  return [
    ...[...TIME_ARGUMENTS, '-cpu', 'Nehalem', '-m', `${memoryMb},slots=4,maxmem=64G`],
    ...['-machine', 'pc,hpet=off,nvdimm=on,memory-backend=ram,suppress-vmdesc=on'],
    ...[
      '-device',
      'pvpanic',
      '-action',
      'panic=pause',
      '-global',
      'migration.send-configuration=off',
    ],
    ...['-chardev', 'stdio,id=qmp,signal=off', '-mon', 'chardev=qmp,mode=control'],
  ]
}

/** The machine has ended without a request. The message is its last words. */
export class MachineEnded extends Error {
  override readonly name = 'MachineEnded'
}

type Waiter = Readonly<{ resolve: (value: unknown) => void; reject: (error: Error) => void }>

/**
 * A process of QEMU, from its constructor until close(). A command of it rejects with a
 * MachineEnded once the process has ended.
 */
export class Machine {
  readonly #child: ChildProcess
  readonly #console: string
  readonly #replies: Waiter[] = []
  readonly #stops: Waiter[] = []
  #errors = ''
  #isWaiting: boolean
  #isStopped = false
  /** Whether the guest has asked for its stop. */
  #isAsked = false
  /** Rejects with a MachineEnded. */
  readonly #ended: Promise<never>

  constructor(spec: MachineSpec) {
    this.#console = spec.console
    const args = [
      ...machineArguments(spec.memoryMb),
      ...pathArguments(spec),
      ...startArguments(spec.start),
    ]
    const [program = '', ...words] = withParent([QEMU, ...args])
    const devices = 'devices' in spec.start ? openSync(spec.start.devices, 'r') : undefined
    try {
      this.#child = spawn(program, words, { stdio: ['pipe', 'pipe', 'pipe', devices ?? 'ignore'] })
    } finally {
      if (devices !== undefined) {
        closeSync(devices)
      }
    }
    // A machine with a kernel runs already.
    this.#isWaiting = devices !== undefined
    this.#child.stdin?.on('error', () => {})
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#errors = (this.#errors + text).slice(-MIB)
    })
    const { stdout } = this.#child
    if (stdout !== null) {
      createInterface({ input: stdout }).on('line', line => this.#receive(JSON.parse(line)))
    }
    this.#ended = new Promise((_, reject) => {
      this.#child.on('error', reject).on('close', (_code, signal) => {
        // That is how a process learns that the disk of its memory is full.
        const isFull = signal === 'SIGBUS'
        const error = new MachineEnded(isFull ? 'no space left for its memory' : this.lastWords())
        for (const { reject: fail } of [...this.#replies.splice(0), ...this.#stops.splice(0)]) {
          fail(error)
        }
        reject(error)
      })
    })
    this.#ended.catch(() => {})
    this.command('qmp_capabilities').catch(() => {})
  }

  /** Carries out a command of QMP (docs/interop/qemu-qmp-ref). */
  command(execute: string, args: object = {}): Promise<unknown> {
    const reply = new Promise((resolve, reject) => this.#replies.push({ resolve, reject }))
    this.#child.stdin?.write(`${JSON.stringify({ execute, arguments: args })}\n`)
    return Promise.race([reply, this.#ended])
  }

  /** Returns when the guest has stopped itself. Rejects with a MachineEnded. */
  async stopped(): Promise<void> {
    if (this.#isStopped) return
    await Promise.race([
      new Promise((resolve, reject) => this.#stops.push({ resolve, reject })),
      this.#ended,
    ])
  }

  /** Lets a restored guest continue. Waits until QEMU has read the state of its devices. */
  async resume(): Promise<void> {
    while (this.#isWaiting) {
      const { status } = (await this.command('query-status')) as { status: string }
      this.#isWaiting = status === 'inmigrate'
    }
    await this.command('cont')
  }

  /**
   * Writes the state of the devices of a stopped machine, from which another machine can continue.
   * This machine cannot continue: its clock may have moved. Rejects with a GuestSetupError if vnet
   * does not know the format of this QEMU.
   */
  async saveDevices(path: string): Promise<void> {
    await this.command('xen-save-devices-state', { filename: path, live: false })
    const devices = readFileSync(path)
    settleClock(devices)
    writeFile(path, devices)
  }

  /** Returns why the machine has ended: the panic of its kernel, or the last line of it or QEMU. */
  lastWords(): string {
    const text = `${partOf(this.#console, CONSOLE_READ, true)}\n${this.#errors}`
      .replaceAll('\r', '')
      .trim()
    const [, panic] = /\] (Kernel panic - .*)/.exec(text) ?? []
    return panic ?? (text.split('\n').at(-1) || 'without a message')
  }

  /** Kills the machine and waits for its end. Idempotent. */
  async close(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#ended.catch(() => {})
  }

  #receive(message: {
    event?: string
    return?: unknown
    error?: { desc: string }
    QMP?: object
  }): void {
    // A machine that is switched off stops, too.
    if (message.event === 'GUEST_PANICKED') {
      this.#isAsked = true
    }
    if (message.event === 'STOP' && this.#isAsked) {
      this.#isStopped = true
      for (const { resolve } of this.#stops.splice(0)) {
        resolve(undefined)
      }
    }
    if (message.return !== undefined) {
      this.#replies.shift()?.resolve(message.return)
    }
    if (message.error !== undefined) {
      this.#replies.shift()?.reject(new Error(`QEMU: ${message.error.desc}`))
    }
  }
}

/** A comma in a value of QEMU's options is written twice. */
const escaped = (path: string): string => path.replaceAll(',', ',,')

function pathArguments({ memoryMb, ram, keeps, memories, console }: MachineSpec): string[] {
  const nvdimms = Object.entries(MEMORIES).map(([name, size], i) => {
    const isRead = name !== 'outbox'
    const file = `mem-path=${escaped(memories[name as keyof Memories])},size=${size}M${isRead ? ',readonly=on' : ''}`
    return [
      ...['-object', `memory-backend-file,id=pm${i},share=on,${file}`],
      ...['-device', `nvdimm,memdev=pm${i},id=nv${i}${isRead ? ',unarmed=on' : ''}`],
    ]
  })
  // Without sharing, the machine copies each page before it writes to it.
  const file = `size=${memoryMb}M,mem-path=${escaped(ram)},share=${keeps ? 'on' : 'off'}`
  return [
    ...['-object', `memory-backend-file,id=ram,${file}`, ...nvdimms.flat()],
    ...['-chardev', `file,id=console,path=${escaped(console)}`, '-serial', 'chardev:console'],
  ]
}

/** The snapshot's devices are the machine's descriptor 3. */
const startArguments = (start: Start): string[] =>
  'kernel' in start
    ? ['-kernel', start.kernel, '-initrd', start.initramfs, '-append', KERNEL_LINE]
    : ['-S', '-incoming', 'fd:3']

/** Makes a file of zeros, which takes no space. */
export function makeSparse(path: string, mib: number): string {
  const fd = openSync(path, 'w', 0o600)
  try {
    ftruncateSync(fd, mib * MIB)
  } finally {
    closeSync(fd)
  }
  return path
}

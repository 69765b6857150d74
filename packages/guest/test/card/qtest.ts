/**
 * A machine of QEMU for a program that drives its devices from outside, by qtest: registers, ports
 * and interrupt lines by commands on a FIFO, and memory by a file that both share. Its CPU halts at
 * the first instruction. It needs neither root nor KVM.
 *
 * A command waits for its reply, so a register is read as in a kernel. The machine's time stands
 * still, and jumps to the next timer of a device (icount without sleep).
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdtempSync,
  open,
  openSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { withParent } from '#src/linux/rootless.ts'

const QEMU = 'qemu-system-x86_64'
/** Bytes of memory. The first MiB is that of a PC, and not for use. */
export const MEMORY = 32 << 20
const MEMORY_FILES = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

/** The BIOS: `cli; hlt` and a jump back, at the address where a CPU starts. */
const BIOS_SIZE = 0x1_0000
const RESET_VECTOR = 0xfff0
const HALT = [0xfa, 0xf4, 0xeb, 0xfc]

// Ports of a PC: configuration space of PCI, the interval timer, and the power management.
const CONFIG_ADDRESS = 0xcf8
const CONFIG_DATA = 0xcfc
const PIT_CHANNEL_0 = 0x40
const PIT_CONTROL = 0x43
/** Channel 0 counts down once, from the value that its port gets, low byte first. */
const PIT_ONCE = 0x30
const PIT_INPUT = 0
const PM_BASE = 0x600
const PM_TIMER = PM_BASE + 8
/** The timer's ticks in a millisecond, and the bits that count them. */
const TICKS_PER_MS = 3579.545
const PM_MASK = 0xff_ffff
/** Looks at the time, after which it stands still. */
const LOOKS_MAX = 100_000

// The chip that has the bridge to interrupts (function 0) and the power management (3).
const PIIX = 1
const PIRQ_ROUTES = 0x60
const PM_FUNCTION = 3
const PM_BASE_REGISTER = 0x40
const PM_ENABLE_REGISTER = 0x80

const PCI_COMMAND = 0x04
const PCI_BAR_0 = 0x10
/** Inputs of the interrupt controller for cards, and addresses of their registers. */
const FIRST_INPUT = 10
const FIRST_BAR = 0xe000_0000
const BAR_DISTANCE = 0x10_0000

const hex = (value: number): string => `0x${value.toString(16)}`

/** The machine, from `start` until close(). Its methods throw once the process has ended. */
export class QtestMachine {
  /** The descriptor of the file that is its memory. */
  readonly memory: number
  readonly #child: ChildProcess
  readonly #commands: number
  readonly #replies: number
  readonly #buffer = Buffer.alloc(1 << 16)
  #text = ''
  /** By input of the interrupt controller. */
  readonly #listeners = new Map<number, (isAsserted: boolean) => void>()

  private constructor(child: ChildProcess, commands: number, replies: number, memory: number) {
    this.#child = child
    this.#commands = commands
    this.#replies = replies
    this.memory = memory
    this.#call('irq_intercept_in ioapic')
    // It would interrupt for ever, and time would never stand still.
    this.#passTimer()
    this.writeConfig(PIIX, PM_BASE_REGISTER, PM_BASE | 1, PM_FUNCTION)
    this.writeConfig(PIIX, PM_ENABLE_REGISTER, 1, PM_FUNCTION)
  }

  /** Starts a machine with these options for its devices. Rejects with the error of QEMU. */
  static async start(devices: readonly string[]): Promise<QtestMachine> {
    const directory = mkdtempSync(join(MEMORY_FILES, 'vnet-card-'))
    // Everything in it is open once the machine replies.
    try {
      return await startIn(directory, devices, (...parts) => new QtestMachine(...parts))
    } finally {
      rmSync(directory, { recursive: true })
    }
  }

  /** Reads 32 bits at a physical address. */
  read32(address: number): number {
    return Number(this.#call(`readl ${hex(address)}`))
  }

  write32(address: number, value: number): void {
    this.#call(`writel ${hex(address)} ${hex(value)}`)
  }

  readConfig(slot: number, register: number, fn = 0): number {
    this.#selectConfig(slot, register, fn)
    return Number(this.#call(`inl ${hex(CONFIG_DATA)}`))
  }

  writeConfig(slot: number, register: number, value: number, fn = 0): void {
    this.#selectConfig(slot, register, fn)
    this.#call(`outl ${hex(CONFIG_DATA)} ${hex(value)}`)
  }

  #selectConfig(slot: number, register: number, fn: number): void {
    const address = (0x8000_0000 | (slot << 11) | (fn << 8) | register) >>> 0
    this.#call(`outl ${hex(CONFIG_ADDRESS)} ${hex(address)}`)
  }

  /** Sets the command register of the card in a slot. */
  command(slot: number, bits: number): void {
    this.writeConfig(slot, PCI_COMMAND, bits)
  }

  /**
   * Gives the card in a slot its addresses, and an input of the interrupt controller. Changes of
   * the input are reported. Returns the address of the card's registers. At most two cards, in
   * slots side by side.
   */
  plug(slot: number, onInterrupt: (isAsserted: boolean) => void): number {
    const address = FIRST_BAR + slot * BAR_DISTANCE
    this.writeConfig(slot, PCI_BAR_0, address)
    const input = FIRST_INPUT + (slot & 1)
    this.#listeners.set(input, onInterrupt)
    // Pin A of a slot is on one of four lines, each with a byte.
    const line = (slot - 1) & 3
    const routes = this.readConfig(PIIX, PIRQ_ROUTES)
    const others = routes & ~(0xff << (8 * line))
    this.writeConfig(PIIX, PIRQ_ROUTES, (others | (input << (8 * line))) >>> 0)
    return address
  }

  /** Calls `start`, which starts a timer of a device of `ms`, and waits until it has run. */
  pass(ms: number, start: () => void): void {
    let last = this.#ticks()
    let passed = 0
    start()
    // Such a timer is up to a millisecond short.
    while (passed < (ms - 2) * TICKS_PER_MS) {
      this.#passTimer()
      const now = this.#ticks()
      passed += (now - last) & PM_MASK
      last = now
    }
    // Time moves before its timers run. They run in order.
    this.#passTimer()
  }

  /** Waits for an interrupt of the interval timer, 55 ms later at most. */
  #passTimer(): void {
    let isOver = false
    this.#listeners.set(PIT_INPUT, isAsserted => {
      isOver ||= isAsserted
    })
    this.#call(`outb ${hex(PIT_CONTROL)} ${hex(PIT_ONCE)}`)
    this.#call(`outb ${hex(PIT_CHANNEL_0)} 0xff`)
    // The second byte starts it. An interrupt before that is of an earlier count.
    isOver = false
    this.#call(`outb ${hex(PIT_CHANNEL_0)} 0xff`)
    for (let look = 0; !isOver; look++) {
      if (look === LOOKS_MAX) throw new Error("QEMU's time stands still")
      this.#ticks()
    }
  }

  #ticks(): number {
    return Number(this.#call(`inl ${hex(PM_TIMER)}`)) & PM_MASK
  }

  /** Carries out a command. Interrupts that it causes are reported before it returns. */
  #call(command: string): string {
    writeSync(this.#commands, `${command}\n`)
    for (;;) {
      const line = this.#line(command)
      const [what, how, input] = line.split(' ')
      if (what === 'OK') return how ?? ''
      if (what !== 'IRQ') throw new Error(`QEMU: ${command}: ${line}`)
      this.#listeners.get(Number(input))?.(how === 'raise')
    }
  }

  #line(command: string): string {
    for (;;) {
      const end = this.#text.indexOf('\n')
      if (end >= 0) {
        const line = this.#text.slice(0, end)
        this.#text = this.#text.slice(end + 1)
        return line
      }
      const length = readSync(this.#replies, this.#buffer)
      if (length === 0) throw new Error(`QEMU has ended: ${command}`)
      this.#text += this.#buffer.toString('latin1', 0, length)
    }
  }

  /** Kills the machine and waits for its end. */
  async close(): Promise<void> {
    this.#child.kill('SIGKILL')
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      await new Promise(resolve => this.#child.once('close', resolve))
    }
    for (const fd of [this.#commands, this.#replies, this.memory]) {
      closeSync(fd)
    }
  }
}

type Parts = readonly [child: ChildProcess, commands: number, replies: number, memory: number]

async function startIn(
  directory: string,
  devices: readonly string[],
  make: (...parts: Parts) => QtestMachine,
): Promise<QtestMachine> {
  const bios = join(directory, 'bios')
  const ram = join(directory, 'ram')
  const pipe = join(directory, 'qtest')
  const image = Buffer.alloc(BIOS_SIZE)
  image.set(HALT, RESET_VECTOR)
  writeFileSync(bios, image)
  const memory = openSync(ram, 'w+')
  ftruncateSync(memory, MEMORY)
  spawnSync('mkfifo', [`${pipe}.in`, `${pipe}.out`])
  const [program = '', ...words] = withParent([
    QEMU,
    ...machineArguments(bios, ram, pipe),
    ...devices,
  ])
  const child = spawn(program, words, { stdio: ['ignore', 'ignore', 'pipe'] })
  let errors = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  const ended = new Promise<never>((_, reject) => {
    child.on('error', reject).on('close', () => reject(new Error(`QEMU has ended: ${errors}`)))
  })
  ended.catch(() => {})
  // It returns when QEMU has opened the other end, which then is the only one: its end is seen.
  const replies = promisify(open)(`${pipe}.out`, 'r')
  try {
    await Promise.race([replies, ended])
    return make(child, openSync(`${pipe}.in`, 'w'), await replies, memory)
  } catch (error) {
    child.kill('SIGKILL')
    closeSync(openSync(`${pipe}.out`, 'r+'))
    closeSync(await replies)
    closeSync(memory)
    throw error
  }
}

const machineArguments = (bios: string, ram: string, pipe: string): string[] => [
  ...['-machine', 'pc,hpet=off,memory-backend=ram', '-accel', 'tcg'],
  ...['-icount', 'shift=0,sleep=off', '-bios', bios, '-m', `${MEMORY >> 20}M`],
  ...['-object', `memory-backend-file,id=ram,size=${MEMORY >> 20}M,mem-path=${ram},share=on`],
  ...['-nodefaults', '-no-user-config', '-display', 'none'],
  ...['-qtest', `pipe:${pipe}`, '-qtest-log', '/dev/null'],
]

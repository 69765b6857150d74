/**
 * Irq: an interrupt line of simulated hardware. An interrupt is taken after the current batch of
 * frames, when the driver's own code has returned. So one interrupt may stand for many frames, as
 * with hardware that coalesces.
 *
 * There are two kinds of hardware. One raises bits of the status word here, which the driver's
 * handler reads and clears. The other has registers of its own for that, like a PCI card, and
 * asserts the line until its driver has seen to all causes: `level`.
 */
import { NETIF_MSG_INTR } from './if.ts'
import { logBadReturn } from './ndo.ts'
import type { NetDevice } from './net-device.ts'
import type { Part } from './parts.ts'

/** Results of a handler: whether its device had raised the interrupt. */
export const IRQ_NONE = 0
export const IRQ_HANDLED = 1

/**
 * note_interrupt (kernel/irq/spurious.c): a line of which more than IRQS_UNHANDLED of
 * IRQS_LOOKED_AT interrupts in a row were not handled is disabled.
 */
const IRQS_LOOKED_AT = 100_000
const IRQS_UNHANDLED = 99_900

// biome-ignore lint/suspicious/noExplicitAny: a driver knows what data its device has.
export type IrqHandler = (dev: NetDevice<any>) => number

/**
 * An interrupt line of one device. Simulated hardware raises, masks and clears its bits; the driver
 * requests it when the device is opened, and frees it when the device is stopped.
 */
export class Irq {
  readonly dev: NetDevice
  /** Bits raised and not acknowledged. A bit set here without `raise` is a lost interrupt. */
  status = 0
  /** Interrupts taken, and how many of them the handler did not own. */
  count = 0
  spurious = 0
  #enabled = -1
  readonly what = 'interrupt handler'
  #handler: IrqHandler | undefined
  #code: IrqHandler | undefined
  #pending = false
  /** The pending interrupt was raised: it is taken whatever the level is. */
  #isRaised = false
  #isAsserted = false
  /** The line has a level, and the status word is not used. */
  #hasLevel = false
  #isDisabled = false
  /** Interrupts by level since the last look at how many were handled. */
  #lookedAt = 0
  #unhandled = 0

  constructor(dev: NetDevice) {
    this.dev = dev
  }

  /**
   * request_irq: calls `handler` with the device from now on. It returns IRQ_HANDLED, or IRQ_NONE
   * if the interrupt was not its device's. Throws if `handler` is not a function, and if the line
   * has a handler: a kernel returns -EBUSY, or if both share the line, free_irq removes only one.
   */
  request(handler: IrqHandler): void {
    if (typeof handler !== 'function') {
      throw new TypeError(`request_irq: the handler is ${handler}, not a function`)
    }
    if (this.#handler !== undefined) {
      throw new Error('request_irq: EBUSY, the line has a handler: free_irq comes first')
    }
    const { debug } = this.dev.net
    this.#handler = debug === undefined ? handler : debug.requested(this, handler)
    this.#code = handler
    this.#enabled = -1
    this.status = 0
    this.#isDisabled = false
    this.#lookedAt = 0
    this.#unhandled = 0
    this.dev.partSources.add(this)
    this.#takeLevel()
    debug?.chaos?.requested(this)
  }

  /** free_irq: disables interrupts. Interrupts raised until the next `request` are lost. */
  free(): void {
    this.dev.net.debug?.freed(this)
    this.#handler = undefined
    this.status = 0
    this.dev.partSources.delete(this)
  }

  /** For hardware: sets status bits, and interrupts unless all are masked. 0 is spurious. */
  raise(bits: number): void {
    this.status |= bits
    if (this.#handler === undefined || this.#isDisabled) return
    if (this.#pending) {
      this.#isRaised = true
      return
    }
    const masked = bits !== 0 && (bits & this.#enabled) === 0
    if ((this.dev.msgEnable & NETIF_MSG_INTR) !== 0) {
      this.#log('raised', bits, masked ? ', but masked' : '')
    }
    if (masked) return
    this.#isRaised = true
    this.#pending = true
    this.dev.net.raiseIrq(this)
  }

  /**
   * For hardware with a level-triggered line: asserts the line, or releases it. While it is
   * asserted, the handler is called again and again. If it returns IRQ_NONE nearly each time, the
   * line is disabled until the next `request`, and the log has the kernel's line. The hardware
   * masks by registers of its own: `mask` does not affect the level.
   */
  level(isAsserted: boolean): void {
    this.#hasLevel = true
    if (this.#isAsserted === isAsserted) return
    this.#isAsserted = isAsserted
    if ((this.dev.msgEnable & NETIF_MSG_INTR) !== 0) {
      this.dev.logEvent(`interrupt line ${isAsserted ? 'asserted' : 'released'}`)
    }
    this.#takeLevel()
  }

  /** Keeps these bits from interrupting; they are still set in the status word. */
  mask(bits: number): void {
    if ((this.dev.msgEnable & NETIF_MSG_INTR) !== 0) {
      this.#log('masked', bits)
    }
    this.#enabled &= ~bits
  }

  /** Lets these bits interrupt again, immediately if one is set. */
  unmask(bits: number): void {
    if ((this.dev.msgEnable & NETIF_MSG_INTR) !== 0) {
      this.#log('unmasked', bits)
    }
    this.#enabled |= bits
    if ((this.status & bits) !== 0) {
      this.raise(this.status & bits)
    }
  }

  /** Returns the bits that are not masked, and clears them. */
  acknowledge(): number {
    const bits = this.status & this.#enabled
    this.status &= ~bits
    return bits
  }

  /** The driver's handler, for a StepGate; undefined once it is freed. */
  get code(): unknown {
    return this.#handler && this.#code
  }

  /** True if bits are set and not masked, but no interrupt is pending. */
  get stuck(): boolean {
    return (this.status & this.#enabled) !== 0 && !this.#pending
  }

  /** True if the hardware may have a cause: a bit is set, or its causes are not known here. */
  get mayHaveCause(): boolean {
    return this.#hasLevel || this.status !== 0
  }

  /** Returns the masked and the pending bits, for monitoring. */
  part(index: number): Part {
    const masked = this.#enabled === -1 ? [] : [`masked 0x${(~this.#enabled >>> 0).toString(16)}`]
    const waiting = this.status === 0 ? [] : [`status 0x${(this.status >>> 0).toString(16)}`]
    const level = this.#isAsserted ? ['asserted'] : []
    const disabled = this.#isDisabled ? ['disabled'] : []
    const state = [...masked, ...waiting, ...level, ...disabled].join(', ') || 'idle'
    return { kind: 'irq', name: `irq ${index}`, state, count: this.count }
  }

  /** Takes the interrupt. For Net. */
  handle(): void {
    const byLevel = this.#isAsserted
    const isReleased = this.#pending && !byLevel && !this.#isRaised
    this.#pending = false
    this.#isRaised = false
    // The line was released meanwhile.
    if (this.#handler === undefined || isReleased) return
    const isHandled = this.#call(this.#handler)
    if (byLevel) {
      this.#note(isHandled)
    }
    this.#takeLevel()
  }

  /** Calls the handler. Returns true if it returned IRQ_HANDLED. */
  #call(handler: IrqHandler): boolean {
    this.count++
    try {
      const result: unknown = handler(this.dev)
      if (result !== IRQ_HANDLED) {
        this.spurious++
      }
      if ((this.dev.msgEnable & NETIF_MSG_INTR) !== 0) {
        this.dev.logEvent(`interrupt ${result === IRQ_HANDLED ? 'handled' : 'spurious'}`)
      }
      if (result !== IRQ_HANDLED && result !== IRQ_NONE) {
        logBadReturn(this.dev, this.what, result, 'IRQ_HANDLED or IRQ_NONE')
      }
      return result === IRQ_HANDLED
    } catch (error) {
      this.dev.logException(this.what, error)
      return false
    }
  }

  /** Makes an interrupt pending while the line is asserted. */
  #takeLevel(): void {
    if (!this.#isAsserted || this.#pending || this.#isDisabled) return
    if (this.#handler === undefined) return
    this.#pending = true
    this.dev.net.raiseIrq(this)
  }

  /**
   * note_interrupt: counts interrupts by level, and disables a line without a handler that cares.
   */
  #note(isHandled: boolean): void {
    this.#unhandled += isHandled ? 0 : 1
    if (++this.#lookedAt < IRQS_LOOKED_AT) return
    const { dev } = this
    if (this.#unhandled > IRQS_UNHANDLED) {
      this.#isDisabled = true
      dev.log.err(
        `irq ${dev.map.irq}: nobody cared: ${this.#unhandled} of ${this.#lookedAt} interrupts were not handled`,
      )
      dev.log.err(`Disabling IRQ #${dev.map.irq}`)
    }
    this.#lookedAt = 0
    this.#unhandled = 0
  }

  #log(what: string, bits: number, more = ''): void {
    this.dev.logEvent(`interrupt 0x${(bits >>> 0).toString(16)} ${what}${more}`)
  }
}

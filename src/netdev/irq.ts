/**
 * Irq: an interrupt line of simulated hardware, with its status word. Hardware raises bits; the
 * driver's handler reads and clears them. An interrupt is taken after the current batch of frames,
 * when the driver's own code has returned. So one interrupt may stand for many frames, as with
 * hardware that coalesces.
 */
import { NETIF_MSG_INTR } from './if.ts'
import { logBadReturn } from './ndo.ts'
import type { NetDevice } from './net-device.ts'
import type { Part } from './parts.ts'

/** Results of a handler: whether its device had raised the interrupt. */
export const IRQ_NONE = 0
export const IRQ_HANDLED = 1

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
    this.dev.partSources.add(this)
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
    if (this.#pending || this.#handler === undefined) return
    const masked = bits !== 0 && (bits & this.#enabled) === 0
    if ((this.dev.msgEnable & NETIF_MSG_INTR) !== 0) {
      this.#log('raised', bits, masked ? ', but masked' : '')
    }
    if (masked) return
    this.#pending = true
    this.dev.net.raiseIrq(this)
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

  /** Returns the masked and the pending bits, for monitoring. */
  part(index: number): Part {
    const masked = this.#enabled === -1 ? [] : [`masked 0x${(~this.#enabled >>> 0).toString(16)}`]
    const waiting = this.status === 0 ? [] : [`status 0x${(this.status >>> 0).toString(16)}`]
    const state = [...masked, ...waiting].join(', ') || 'idle'
    return { kind: 'irq', name: `irq ${index}`, state, count: this.count }
  }

  /** Takes the interrupt. For Net. */
  handle(): void {
    this.#pending = false
    if (this.#handler === undefined) return
    this.count++
    try {
      const result: unknown = this.#handler(this.dev)
      if (result !== IRQ_HANDLED) {
        this.spurious++
      }
      if ((this.dev.msgEnable & NETIF_MSG_INTR) !== 0) {
        this.dev.logEvent(`interrupt ${result === IRQ_HANDLED ? 'handled' : 'spurious'}`)
      }
      if (result === IRQ_HANDLED || result === IRQ_NONE) return
      logBadReturn(this.dev, this.what, result, 'IRQ_HANDLED or IRQ_NONE')
    } catch (error) {
      this.dev.logException(this.what, error)
    }
  }

  #log(what: string, bits: number, more = ''): void {
    this.dev.logEvent(`interrupt 0x${(bits >>> 0).toString(16)} ${what}${more}`)
  }
}

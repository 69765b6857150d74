/**
 * Irq: an interrupt line of simulated hardware, with the status word behind it. Hardware raises bits; the driver's handler
 * reads and clears them. An interrupt is taken when the driver's own code has returned: after the batch of frames that
 * is under way, so many frames may be behind one interrupt, as with hardware that coalesces.
 */
import { refuseAnswer } from './ndo.ts'
import type { NetDevice } from './net-device.ts'

/** A handler's answers: whether its device had raised the interrupt. */
export const IRQ_NONE = 0
export const IRQ_HANDLED = 1

export class Irq {
  readonly dev: NetDevice
  /** Bits raised and not yet acknowledged. One that is set here without `raise` is an interrupt that got lost. */
  status = 0
  /** Interrupts taken, and those of them that the handler did not own. */
  count = 0
  spurious = 0
  #enabled = -1
  #handler: (() => number) | undefined
  #pending = false

  constructor(dev: NetDevice) {
    this.dev = dev
  }

  /** request_irq: calls `handler` from now on; it answers IRQ_HANDLED, or IRQ_NONE when the interrupt was not its device's. */
  request(handler: () => number): void {
    this.#handler = handler
    this.#enabled = -1
    this.status = 0
  }

  /** free_irq: no more interrupts; what is raised meanwhile is forgotten. */
  free(): void {
    this.#handler = undefined
    this.status = 0
  }

  /** Hardware: sets bits of the status word, and interrupts unless all of them are masked. No bits: a spurious one. */
  raise(bits: number): void {
    this.status |= bits
    if (this.#pending || this.#handler === undefined || (bits !== 0 && (bits & this.#enabled) === 0)) return
    this.#pending = true
    this.dev.net.raiseIrq(this)
  }

  /** Keeps these bits from interrupting; they are set in the status word all the same. */
  mask(bits: number): void {
    this.#enabled &= ~bits
  }

  /** Lets them interrupt again, at once if one is set. */
  unmask(bits: number): void {
    this.#enabled |= bits
    if ((this.status & bits) !== 0) this.raise(this.status & bits)
  }

  /** Reads the bits that are not masked, and clears them. */
  acknowledge(): number {
    const bits = this.status & this.#enabled
    this.status &= ~bits
    return bits
  }

  /** Takes the interrupt. For Net. */
  handle(): void {
    this.#pending = false
    if (this.#handler === undefined) return
    this.count++
    try {
      const answer: unknown = this.#handler()
      if (answer === IRQ_HANDLED) return
      this.spurious++
      if (answer !== IRQ_NONE) refuseAnswer(this.dev, 'interrupt handler', answer, 'IRQ_HANDLED or IRQ_NONE')
    } catch (error) {
      this.dev.logException('interrupt handler', error)
    }
  }
}

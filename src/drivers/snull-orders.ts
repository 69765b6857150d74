/** Faults that are to happen to the next frame of snull's transmitter: of one queue, or of whichever sends first. */

/** What happens to it: its completion is lost, or it stays in the transmitter. */
export const ORDER_LOSE = 1
export const ORDER_STICK = 2

export class SnullOrders {
  /** Whether there is any. */
  some = false
  readonly #queues: Uint8Array
  #any = 0

  constructor(queues: number) {
    this.#queues = new Uint8Array(queues)
  }

  /** For the next frame of a queue; undefined is any queue. */
  add(order: number, queue: number | undefined): void {
    if (queue === undefined) this.#any |= order
    else this.#queues[queue] |= order
    this.some = true
  }

  /** For the next frame of each queue. */
  addToAll(order: number): void {
    for (let queue = 0; queue < this.#queues.length; queue++) this.add(order, queue)
  }

  /** What is to happen to this frame of a queue, and then no more: ORDER_*, 0 for nothing. */
  take(queue: number): number {
    const own = this.#queues[queue]
    const order = own === 0 ? this.#any : own
    if (own === 0) this.#any = 0
    else this.#queues[queue] = 0
    this.some = this.#any !== 0 || this.#queues.some(each => each !== 0)
    return order
  }

  clear(): void {
    this.#any = 0
    this.#queues.fill(0)
    this.some = false
  }
}

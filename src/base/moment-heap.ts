/**
 * MomentHeap: items ordered by their moments, a binary heap in arrays that grow and are kept. Each
 * item has its place, so adding, moving and removing one costs O(log n) and allocates nothing.
 * Items of the same moment keep the order in which they were set.
 */

/** An item of a MomentHeap, which alone writes `index`. An item is in one heap at most. */
export interface HeapItem {
  /** Place in the heap; -1 if it is not in it. */
  index: number
}

const INITIAL_CAPACITY = 64

export class MomentHeap<T extends HeapItem> {
  #items: (T | undefined)[] = new Array(INITIAL_CAPACITY).fill(undefined)
  /** The moment of each item, and a serial number that orders equal moments. */
  #moments = new Float64Array(INITIAL_CAPACITY)
  #orders = new Float64Array(INITIAL_CAPACITY)
  #settings = 0
  #size = 0

  get size(): number {
    return this.#size
  }

  /** The first moment; Infinity if the heap is empty. */
  get first(): number {
    return this.#size === 0 ? Number.POSITIVE_INFINITY : this.#moments[0]
  }

  /** Adds the item, or moves it if it is in the heap. */
  set(item: T, moment: number): void {
    const order = this.#settings++
    if (item.index >= 0) {
      this.#place(item, moment, order, item.index)
      return
    }
    if (this.#size === this.#moments.length) {
      this.#grow()
    }
    this.#place(item, moment, order, this.#size++)
  }

  /** Takes the item out. Harmless if it is not in the heap. */
  remove(item: T): void {
    const index = item.index
    if (index < 0) return
    item.index = -1
    const last = --this.#size
    const mover = this.#items[last]
    this.#items[last] = undefined
    if (index !== last && mover !== undefined) {
      this.#place(mover, this.#moments[last], this.#orders[last], index)
    }
  }

  shift(): T | undefined {
    const item = this.#items[0]
    if (item !== undefined) {
      this.remove(item)
    }
    return item
  }

  /** Calls `fn` with every item, in no particular order. */
  each(fn: (item: T) => void): void {
    for (let i = 0; i < this.#size; i++) {
      fn(this.#items[i] as T)
    }
  }

  clear(): void {
    while (this.#size > 0) {
      this.shift()
    }
  }

  /** Puts an item where it belongs, starting from the vacant place `index`. */
  #place(item: T, moment: number, order: number, index: number): void {
    let at = index
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!this.#before(moment, order, parent)) break
      this.#move(parent, at)
      at = parent
    }
    if (at === index) {
      for (let child = 2 * at + 1; child < this.#size; child = 2 * at + 1) {
        const right = child + 1
        if (right < this.#size && this.#before(this.#moments[right], this.#orders[right], child)) {
          child = right
        }
        if (this.#before(moment, order, child)) break
        this.#move(child, at)
        at = child
      }
    }
    this.#write(item, moment, order, at)
  }

  #before(moment: number, order: number, index: number): boolean {
    const other = this.#moments[index]
    return moment < other || (moment === other && order < this.#orders[index])
  }

  #move(from: number, to: number): void {
    const item = this.#items[from]
    if (item !== undefined) {
      this.#write(item, this.#moments[from], this.#orders[from], to)
    }
  }

  #write(item: T, moment: number, order: number, at: number): void {
    this.#items[at] = item
    this.#moments[at] = moment
    this.#orders[at] = order
    item.index = at
  }

  #grow(): void {
    const grown = (from: Float64Array) => {
      const to = new Float64Array(from.length * 2)
      to.set(from)
      return to
    }
    this.#moments = grown(this.#moments)
    this.#orders = grown(this.#orders)
  }
}

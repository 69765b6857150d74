/**
 * Coherent memory: what dma_alloc_coherent returns. The CPU and the card see each other's stores
 * without more ado, but on a weakly ordered CPU not in the order of the program.
 *
 * A weak CPU is a caricature of one that does the worst that is allowed, the same each time:
 * - Its stores wait until a barrier (dmaWmb, writel), so that the card sees none of them before.
 * - Of a line of 16 bytes that the card has written, the CPU sees the word that it loads first. The
 *   others it had loaded early: they have their former values until a barrier (dmaRmb, readl).
 * Its own stores it always sees. A line is as long as a descriptor of most cards.
 */

/** A CPU that reorders, with the coherent memory of one card. */
export class WeakCpu {
  readonly #memories = new Set<WeakMemory>()

  add(memory: WeakMemory): void {
    this.#memories.add(memory)
  }

  remove(memory: WeakMemory): void {
    this.#memories.delete(memory)
  }

  /** Later stores are seen after these. */
  wmb(): void {
    for (const memory of this.#memories) {
      memory.drain()
    }
  }

  /** Later loads see what was stored before earlier loads were. */
  rmb(): void {
    for (const memory of this.#memories) {
      memory.refresh()
    }
  }
}

/**
 * A block of coherent memory, as 32-bit words, little-endian as all cards have them. The driver
 * frees it with dmaFreeCoherent.
 */
export class CoherentMemory {
  /** Its address for the card. */
  readonly dma: number
  readonly size: number
  readonly words: Uint32Array
  readonly bytes: Uint8Array

  constructor(dma: number, size: number) {
    this.dma = dma
    this.size = size
    this.words = new Uint32Array(Math.ceil(size / 4))
    this.bytes = new Uint8Array(this.words.buffer)
  }

  /** Returns the word at a byte offset, as the CPU sees it. */
  read32(offset: number): number {
    return this.words[this.wordAt(offset)]
  }

  /** Stores a word at a byte offset. */
  write32(offset: number, value: number): void {
    this.words[this.wordAt(offset)] = value
  }

  /** Returns the word in memory, which a weak CPU may see later. For monitors. */
  peek32(offset: number): number {
    return this.words[this.wordAt(offset)]
  }

  /** For the card's access: these bytes are written next. */
  beforeDeviceWrite(_offset: number, _length: number): void {}

  /** Returns the number of the word at a byte offset. */
  protected wordAt(offset: number): number {
    const word = offset >> 2
    if ((offset & 3) === 0 && word >= 0 && word < this.words.length) return word
    throw new RangeError(`a word at byte ${offset} of coherent memory of ${this.size} bytes`)
  }
}

/** Words in a line. */
const LINE = 4

/** Coherent memory of a weak CPU. */
export class WeakMemory extends CoherentMemory {
  readonly #cpu: WeakCpu
  /** Stores that wait, by word. A later store to the same word joins the earlier one. */
  readonly #stores = new Map<number, number>()
  /** The former value of each word that the card has written since the last barrier. */
  readonly #former = new Map<number, number>()
  /** By line: the word that the CPU loaded first since the card wrote the line. */
  readonly #fresh = new Map<number, number>()

  constructor(dma: number, size: number, cpu: WeakCpu) {
    super(dma, size)
    this.#cpu = cpu
    cpu.add(this)
  }

  override read32(offset: number): number {
    const word = this.wordAt(offset)
    const stored = this.#stores.get(word)
    if (stored !== undefined) return stored
    if (this.#former.size === 0) return this.words[word]
    const line = Math.floor(word / LINE)
    const fresh = this.#fresh.get(line) ?? word
    this.#fresh.set(line, fresh)
    return fresh === word ? this.words[word] : (this.#former.get(word) ?? this.words[word])
  }

  override write32(offset: number, value: number): void {
    this.#stores.set(this.wordAt(offset), value >>> 0)
  }

  override beforeDeviceWrite(offset: number, length: number): void {
    for (let word = offset >> 2; word < Math.ceil((offset + length) / 4); word++) {
      this.#former.set(word, this.words[word])
      this.#fresh.delete(Math.floor(word / LINE))
    }
  }

  /** Makes the stores visible to the card. */
  drain(): void {
    for (const [word, value] of this.#stores) {
      this.words[word] = value
      this.#former.delete(word)
    }
    this.#stores.clear()
  }

  /** Loads see the memory as it is. */
  refresh(): void {
    this.#former.clear()
    this.#fresh.clear()
  }

  free(): void {
    this.#cpu.remove(this)
  }
}

/** The last frames of the selected device: all of them, and the frames that pass the filter. */
import type { FrameRow } from '../feed-types.ts'
import type { FrameFilter } from './frames-filter.ts'

/** Frames that are kept of each. */
export const FRAMES_MAX = 1000

/** Both lists are replaced, never changed. */
interface Lists {
  readonly all: readonly FrameRow[]
  readonly passed: readonly FrameRow[]
}

const NONE: Lists = { all: [], passed: [] }

export class FrameLog {
  #lists = NONE
  /** The lists at the time of `hold`. */
  #held: Lists | undefined
  #filter: FrameFilter | undefined
  #seen = 0
  #skipped = 0
  #seenWhenHeld = 0

  /** The newest frames that pass the filter, or the frames at the time of `hold`, oldest first. */
  get frames(): readonly FrameRow[] {
    return (this.#held ?? this.#lists).passed
  }

  get isHeld(): boolean {
    return this.#held !== undefined
  }

  /** The number of frames that arrived. */
  get seen(): number {
    return this.#seen
  }

  /** The number of frames that arrived while it was held. */
  get seenSinceHeld(): number {
    return this.#held === undefined ? 0 : this.#seen - this.#seenWhenHeld
  }

  /** Frames that passed the device, and that the server did not list. */
  get skipped(): number {
    return this.#skipped
  }

  add(frames: readonly FrameRow[], skipped: number): void {
    this.#seen += frames.length
    this.#skipped += skipped
    const { all, passed } = this.#lists
    const more = this.#filter === undefined ? frames : frames.filter(this.#filter)
    this.#lists = { all: newest(all, frames), passed: more.length === 0 ? passed : newest(passed, more) }
  }

  /** Shows the frames that pass it, kept and future ones; undefined shows all. */
  setFilter(filter: FrameFilter | undefined): void {
    this.#filter = filter
    const passing = ({ all }: Lists): Lists => ({ all, passed: filter === undefined ? all : all.filter(filter) })
    this.#lists = passing(this.#lists)
    this.#held &&= passing(this.#held)
  }

  /** Freezes `frames`, while new frames continue to be kept and counted. */
  hold(): void {
    if (this.#held !== undefined) return
    this.#held = this.#lists
    this.#seenWhenHeld = this.#seen
  }

  release(): void {
    this.#held = undefined
  }

  clear(): void {
    this.#lists = NONE
    this.#held = undefined
    this.#seen = 0
    this.#skipped = 0
  }
}

function newest(before: readonly FrameRow[], more: readonly FrameRow[]): readonly FrameRow[] {
  return [...before, ...more].slice(-FRAMES_MAX)
}

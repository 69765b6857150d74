/** The last frames of the device looked at: all of them, and those that pass the filter. */
import type { FrameRow } from '../feed-types.ts'
import type { FrameFilter } from './frames-filter.ts'

/** Frames that are kept of each. */
export const FRAMES_MAX = 1000

export class FrameLog {
  #all: FrameRow[] = []
  #passed: FrameRow[] = []
  #filter: FrameFilter | undefined
  /** Frames that came, and frames of them that the server did not list. */
  #seen = 0
  #skipped = 0

  /** The newest frames that pass the filter, oldest first. Not changed later. */
  get frames(): readonly FrameRow[] {
    return this.#passed
  }

  get seen(): number {
    return this.#seen
  }

  get skipped(): number {
    return this.#skipped
  }

  add(frames: readonly FrameRow[], skipped: number): void {
    this.#seen += frames.length
    this.#skipped += skipped
    this.#all = newest(this.#all, frames)
    const passed = this.#filter === undefined ? frames : frames.filter(this.#filter)
    if (passed.length > 0) this.#passed = newest(this.#passed, passed)
  }

  /** Shows the frames that pass it, of those kept and those to come; undefined shows all. */
  setFilter(filter: FrameFilter | undefined): void {
    this.#filter = filter
    this.#passed = filter === undefined ? this.#all : this.#all.filter(filter)
  }

  clear(): void {
    this.#all = []
    this.#passed = []
    this.#seen = 0
    this.#skipped = 0
  }
}

function newest(before: readonly FrameRow[], more: readonly FrameRow[]): FrameRow[] {
  return [...before, ...more].slice(-FRAMES_MAX)
}

/** The last frames of the selected device: all of them, and the frames that pass the filter. */
import { signal } from '@preact/signals'
import type { FrameRow } from '../feed-types.ts'
import type { FrameFilter } from './frames-filter.ts'

/** Frames that are kept of each. */
export const FRAMES_MAX = 1000

/** Both lists are replaced, never changed. */
interface Lists {
  readonly all: readonly FrameRow[]
  readonly passed: readonly FrameRow[]
  /** The number of frames that had arrived. */
  readonly seen: number
}

const NONE: Lists = { all: [], passed: [], seen: 0 }

/** Reading it in a component draws the component again with each change. */
export class FrameLog {
  readonly #lists = signal(NONE)
  /** The lists at the time of `hold`. */
  readonly #held = signal<Lists | undefined>(undefined)
  readonly #skipped = signal(0)
  #filter: FrameFilter | undefined

  /** The newest frames that pass the filter, or the frames at the time of `hold`, oldest first. */
  get frames(): readonly FrameRow[] {
    return (this.#held.value ?? this.#lists.value).passed
  }

  get isHeld(): boolean {
    return this.#held.value !== undefined
  }

  /** The number of frames that arrived. */
  get seen(): number {
    return this.#lists.value.seen
  }

  /** The number of frames that arrived while it was held. */
  get seenSinceHeld(): number {
    return this.seen - (this.#held.value?.seen ?? this.seen)
  }

  /** Frames that passed the device, and that the server did not list. */
  get skipped(): number {
    return this.#skipped.value
  }

  add(frames: readonly FrameRow[], skipped: number): void {
    const { all, passed, seen } = this.#lists.peek()
    const more = this.#filter === undefined ? frames : frames.filter(this.#filter)
    const newest = (before: readonly FrameRow[], more: readonly FrameRow[]) => [...before, ...more].slice(-FRAMES_MAX)
    this.#lists.value = { all: newest(all, frames), passed: newest(passed, more), seen: seen + frames.length }
    this.#skipped.value += skipped
  }

  /** Shows the frames that pass it, kept and future ones; undefined shows all. */
  setFilter(filter: FrameFilter | undefined): void {
    this.#filter = filter
    for (const lists of [this.#lists, this.#held]) {
      const now = lists.peek()
      if (now !== undefined) lists.value = { ...now, passed: filter === undefined ? now.all : now.all.filter(filter) }
    }
  }

  /** Freezes `frames`, while new frames continue to be kept and counted. */
  hold(): void {
    this.#held.value ??= this.#lists.value
  }

  release(): void {
    this.#held.value = undefined
  }

  clear(): void {
    this.#lists.value = NONE
    this.#skipped.value = 0
    this.release()
  }
}

/** The last frames of the selected device, the frames that pass the filter, and the chosen one. */
import { signal } from '@preact/signals'
import type { FrameRow } from '../feed-types.ts'
import type { FrameTest } from './filter-fields.tsx'

/** Frames that are kept of each. */
export const FRAMES_MAX = 1000

/** Both lists are replaced, never changed. */
interface Lists {
  readonly all: readonly FrameRow[]
  readonly passed: readonly FrameRow[]
  /** The number of frames that had arrived. */
  readonly seen: number
  /** The number of frames that passed the device, and that the server did not list. */
  readonly skipped: number
}

const NONE: Lists = { all: [], passed: [], seen: 0, skipped: 0 }

/** Reading it in a component draws the component again with each change. */
export class FrameLog {
  readonly #lists = signal(NONE)
  /** The lists at the time of `hold`. */
  readonly #held = signal<Lists | undefined>(undefined)
  #filter: FrameTest = () => true
  readonly selected = signal<FrameRow | undefined>(undefined)
  /** Whether the details of the selected frame are shown. */
  readonly isOpen = signal(false)

  /** The newest frames that pass the filter, or the frames at the time of `hold`, oldest first. */
  get frames(): readonly FrameRow[] {
    return (this.#held.value ?? this.#lists.value).passed
  }

  get isHeld(): boolean {
    return this.#held.value !== undefined
  }

  get seen(): number {
    return this.#lists.value.seen
  }

  get seenSinceHeld(): number {
    return this.seen - (this.#held.value?.seen ?? this.seen)
  }

  get skipped(): number {
    return this.#lists.value.skipped
  }

  add(frames: readonly FrameRow[], skipped: number): void {
    const before = this.#lists.peek()
    this.#lists.value = {
      all: [...before.all, ...frames].slice(-FRAMES_MAX),
      passed: [...before.passed, ...frames.filter(this.#filter)].slice(-FRAMES_MAX),
      seen: before.seen + frames.length,
      skipped: before.skipped + skipped,
    }
  }

  /** Shows the frames that pass it, kept and future ones. */
  setFilter(filter: FrameTest = () => true): void {
    this.#filter = filter
    for (const lists of [this.#lists, this.#held]) {
      const now = lists.peek()
      if (now !== undefined) {
        lists.value = { ...now, passed: now.all.filter(filter) }
      }
    }
  }

  /** Freezes `frames`, while new frames continue to be kept and counted. */
  hold(): void {
    this.#held.value ??= this.#lists.value
  }

  release(): void {
    this.#held.value = undefined
  }

  /** Selects a frame, which must not run away. */
  select(frame: FrameRow): void {
    this.selected.value = frame
    this.hold()
  }

  /** Shows the details of a frame, or closes them if they are open. */
  open(frame: FrameRow): void {
    this.isOpen.value = frame !== this.selected.value || !this.isOpen.value
    this.select(frame)
  }

  clear(): void {
    this.#lists.value = NONE
    this.release()
    this.selected.value = undefined
    this.isOpen.value = false
  }
}

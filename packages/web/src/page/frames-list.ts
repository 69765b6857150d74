/** The frames that the table shows, which are read at their present state by keys and clicks. */
import { computed, effect, signal } from '@preact/signals'
import type { FrameRow } from '../feed-types.ts'
import type { App } from './app.ts'
import { FrameFilter } from './frames-filter.ts'
import { FrameLog } from './frames-log.ts'

/** The frames of the device on view, and the chosen frame. */
export class FrameList {
  readonly log = new FrameLog()
  readonly filter: FrameFilter
  readonly selected = signal<FrameRow | undefined>(undefined)
  readonly isOpen = signal(false)

  constructor(app: App) {
    this.filter = new FrameFilter(app)
    const id = computed(() => app.device?.id)
    effect(() => {
      void id.value
      this.log.clear()
      this.selected.value = undefined
      this.isOpen.value = false
    })
    effect(() => this.log.setFilter(this.filter.passes.value ?? (() => true)))
  }

  /** A frame that is chosen must not run away. */
  select(frame: FrameRow): void {
    this.selected.value = frame
    this.log.hold()
  }

  /** Shows the details of a frame, or closes them if they are open. */
  open(frame: FrameRow): void {
    this.isOpen.value = frame !== this.selected.value || !this.isOpen.value
    this.select(frame)
  }

  follow(isFollowing: boolean): void {
    if (isFollowing) this.log.release()
    else this.log.hold()
  }
}

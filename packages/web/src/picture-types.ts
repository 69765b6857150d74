/** The views of the page inside another page (page/picture.tsx). */
import type { CommandRequest, CommandResult, FeedMessage } from './feed-types.ts'

/** The views that another page can show, by their names. */
export type PictureView = 'driver' | 'frames' | 'hands-on' | 'step'

/** The views, and the functions of the page around them. */
export interface PictureOptions {
  /** The first view is always shown, and one of the others below it. */
  readonly views: readonly PictureView[]
  /** The text of style.css. Each bundler imports it in its own way. The page has palette.css. */
  readonly style: string
  /** Runs a command. Never rejects. */
  readonly command: (request: CommandRequest) => Promise<CommandResult>
}

/** Views in another page. The page passes them its messages, and calls close() at the end. */
export interface Picture {
  /** Takes a message of the feed. The views change with the next frame of the screen. */
  receive(message: FeedMessage): void
  /** Shows one of the views below the first one. */
  show(view: string): void
  /** Stops what moves, or lets it continue. */
  pause(isPaused: boolean): void
  /** Removes the views from the element. */
  close(): void
}

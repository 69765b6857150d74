/** The views of the page inside another page (page/picture.tsx). */
import type { CommandRequest, CommandResult, FeedMessage } from './feed-types.ts'

export type PictureView = 'driver' | 'frames' | 'hands-on' | 'step'

export interface PictureOptions {
  /** The first view is always shown, and one of the others below it. */
  readonly views: readonly PictureView[]
  /** The text of style.css. Each bundler imports it in its own way. The page has palette.css. */
  readonly style: string
  /** Runs a command. Never rejects. */
  readonly command: (request: CommandRequest) => Promise<CommandResult>
}

export interface Picture {
  receive(message: FeedMessage): void
  /** Shows one of the views below the first one. */
  show(view: string): void
  /** Stops what moves, or lets it continue. */
  pause(isPaused: boolean): void
  close(): void
}

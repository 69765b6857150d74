/** The messages between the page of the playground and its worker. */
import type { CommandResult, DeviceId, FeedMessage, PageCommand } from '@vnet/web/kit'

/** A driver of the site, or one of the visitor: its file's name, and its text. */
export type PlaygroundDriver =
  | 'cable'
  | 'snull'
  | 'loop'
  | { readonly name: string; readonly text: string }

/** A message from the page to the worker. */
export type PlaygroundRequest =
  /** Loads the driver and starts it, once in each worker. `wire` is like `loss 5% delay 9ms`. */
  | {
      readonly do: 'start'
      readonly driver: PlaygroundDriver
      readonly wire?: string | undefined
      /** The place of an error in the driver's text, `4:13`, which only a page can find. */
      readonly syntaxError?: string | undefined
    }
  /** From host a: 5 echo requests, a burst of 200 datagrams, or a transfer of 200 kB. */
  | { readonly do: 'send'; readonly what: 'ping' | 'udp' | 'tcp' }
  /** Small UDP datagrams from host a, at most 200 a second; 0 stops them. */
  | { readonly do: 'flow'; readonly perSecond: number }
  | {
      readonly do: 'command'
      readonly seq: number
      readonly id: DeviceId
      readonly command: PageCommand
    }
  /** Stops the time of the simulation, and lets it continue. */
  | { readonly do: 'pause'; readonly on: boolean }
  /** The latest frames since the start, with drops and their reasons, as a pcapng file. */
  | { readonly do: 'capture'; readonly seq: number }

/** A message from the worker to the page. `reply` has the number of the request (`seq`). */
export type PlaygroundReply =
  /**
   * The messages of the live page: hello, stats, parts, wire, flights, frames, params, step and
   * event. Messages about one device are sent for every device.
   */
  | { readonly feed: FeedMessage }
  /** The output of the programs at the hosts: `udp: 198 of 200 arrived`. */
  | { readonly told: string }
  | { readonly reply: number; readonly result: CommandResult }
  | { readonly reply: number; readonly capture: Uint8Array }
  /** Once a second: a worker that is silent for longer has a driver that does not return. */
  | { readonly beat: true }

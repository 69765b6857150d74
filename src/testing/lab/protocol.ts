/** What the main thread of a lab and the worker that carries its frames say to each other. */

import type { WireAttachment } from '../../control/protocol/wire-attachment.ts'
import type { StageReport } from '../../netdev/device-wire.ts'
import type { FaultAction, FaultWhen } from '../../wire/fault.ts'
import type { Direction } from '../../wire/wire.ts'

/** One end of a link. */
export interface EndSpec {
  /** The namespace and the interface, as drivers take them: `/proc/self/fd/23/server`. */
  readonly path: string
  /** With their prefix: `198.18.0.1/24`. */
  readonly addresses: readonly string[]
}

/**
 * The words of a direction, and what they refer to: the main thread reads files and compiles
 * filters, because libpcap is loaded for a whole process and must not end with a worker.
 */
export interface Words {
  readonly text: string
  readonly attachments: readonly WireAttachment[]
}

export interface CableSpec {
  readonly a: EndSpec
  readonly b: EndSpec
  readonly ab: Words
  readonly ba: Words
  readonly seed: number
  readonly mtu: number | undefined
}

/** What a direction counted since the link was made. */
export interface DirectionReport {
  readonly words: string
  readonly stages: readonly StageReport[]
}

/** Frames of one end: in is what its kernel sent, out what it received. */
export interface EndReport {
  readonly sent: number
  readonly received: number
  /** Frames dropped, by reason. */
  readonly drops: Readonly<Record<string, number>>
}

export interface LinkReport {
  readonly a: EndReport
  readonly b: EndReport
  readonly ab: DirectionReport
  readonly ba: DirectionReport
}

export interface FaultSpec {
  readonly direction: Direction
  readonly action: FaultAction
  /** Undefined matches every packet. */
  readonly filter: WireAttachment | undefined
  readonly when: FaultWhen
  /** Where the worker counts hits: an Int32Array of one number. */
  readonly hits: SharedArrayBuffer
}

/** What the worker does for a link; each returns when it is done. */
export interface Calls {
  cable(spec: CableSpec): number
  wire(link: number, ab: Words | undefined, ba: Words | undefined): void
  carrier(link: number, up: boolean): void
  fault(link: number, spec: FaultSpec): number
  removeFault(link: number, fault: number): void
  report(link: number): LinkReport
  close(link: number): void
}

export type CallName = keyof Calls

export interface Request {
  readonly id: number
  readonly call: CallName
  readonly args: readonly unknown[]
}

/** The reply to a request, or word of a hit. */
export type Reply =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: unknown; readonly usage: boolean }
  | { readonly hit: number }
  | { readonly log: string }

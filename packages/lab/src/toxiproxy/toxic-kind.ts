/**
 * The parts of a kind of toxic. Each kind is a file of toxics/, and toxic-kinds.ts lists them. A
 * kind acts on packets, by a text for the wire of the link, or on the bytes of a TCP connection, by
 * the rules of a stage (stages.ts). A kind with both acts by its text if there is a link.
 */
import type { Random } from 'vnet/net'

export type Attributes = Readonly<Record<string, number | string | boolean>>

/** `Own` are the attributes of the kind. They have been checked when the kind gets them. */
export interface ToxicKind<Own extends Attributes = Attributes> {
  /** Its name in the API: `slow_close`. */
  readonly type: string
  /** The defaults of its attributes, whose types a request's attributes must have. */
  readonly attributes: Own
  /** The attributes that need not be whole numbers; by default none. */
  readonly fractions?: readonly string[]
  /** True if its text is for packets with data only: neither handshakes nor acknowledgements. */
  readonly isOfData?: boolean
  /**
   * Returns the text of a wire. `headers` are the bytes of a packet without its data. Throws an
   * Error whose message the client gets.
   */
  text?(attributes: Own, headers: number): string
  readonly stage?: StageRules<Own>
}

/** The behaviour of a stage, which gets the bytes of one direction of a connection. */
export interface StageRules<Own extends Attributes = Attributes> {
  /** Decides about the first item that waits, until it has left. Called again after each timer. */
  judge(stage: StageState<Own>, item: Item): Verdict
  /** Called after bytes have passed. Returns how the connection ends, undefined if it does not. */
  afterPass?(stage: StageState<Own>): Ending | undefined
  /**
   * Returns the ms after which the connection is closed, counted from its start, from the last item
   * that left or was dropped, and from a change of the toxic; 0 or less: never.
   */
  closesAfter?(attributes: Own): number
  /** True if removing the toxic closes the connections that it has hit: they have lost bytes. */
  readonly closesWhenRemoved?: boolean
  /** Bytes that may wait before the connection is read no further; by default 128 KiB. */
  readonly heldMax?: number
}

/** A stage, as its rules see it. */
export interface StageState<Own extends Attributes = Attributes> {
  /** The attributes in force. */
  readonly values: Own
  readonly random: Random
  /** When the last item was due, in ms; -Infinity before the first. */
  readonly free: number
  /** Bytes that have passed. */
  readonly passed: number
}

/**
 * A chunk, or the end of the stream (undefined), and the moment at which it came, in ms. The rules
 * may change the bytes in place. If `judge` lets only some of the bytes pass, it is called again
 * with the rest.
 */
export interface Item {
  bytes: Buffer | undefined
  readonly at: number
  /** When it leaves, if a rule has drawn that. A change of the toxic removes it. */
  due?: number
}

/**
 * The first item passes at the moment `until` (by default immediately), whole or its first `bytes`,
 * or is dropped; `end` ends the connection at that moment in its place.
 */
export type Verdict =
  | { readonly until?: number; readonly bytes?: number; readonly end?: Ending }
  | 'drop'

/** `close`: after the bytes that have passed. `reset`: immediately. */
export type Ending = 'close' | 'reset'

/** The verdict for an item that passes immediately. */
export const NOW: Verdict = {}

/** Packets that a text holds at most. */
export const HELD_PACKETS = 10_000

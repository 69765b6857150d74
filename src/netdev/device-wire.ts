/**
 * The wire on which a device's frames leave or arrive, as clients see it. The implementation is in
 * wire/; this file declares the parts that the control plane and the program use.
 */
import type { PacketFilter } from '../packet/bpf.ts'
import type { SkBuff } from '../skb/sk-buff.ts'
import { directionText, type WireSide } from './frame-drop.ts'

export { directionText, type WireSide }

/** A stage of a wire and its counts of packets: in + duplicated = out + dropped + held. */
export interface StageReport {
  /** Its kind, and a number if the wire has several: `loss`, `loss 2`. */
  readonly stage: string
  /** The stages that contain it, `match then `; empty at the top. */
  readonly path: string
  readonly direction: string
  readonly text: string
  readonly in: number
  readonly out: number
  readonly held: number
  /** False if its kind decides about each packet immediately. */
  readonly holds: boolean
  readonly dropped: number
  readonly drops: Readonly<Record<string, number>>
  readonly duplicated: number
  readonly corrupted: number
  readonly reordered: number
  readonly marked: number
  /** Milliseconds by which its packets left later than specified; absent if it delays none. */
  readonly late?: {
    readonly p50: number
    readonly p99: number
    /** Packets by lateness: at most this late in ms, but later than the pair before. */
    readonly counts: readonly (readonly [number, number])[]
  }
}

/** Arrivals and decisions of wires: `time` is the wire's in ns, `id` the packet's, from 1. */
export interface DecisionLog {
  set(direction: string, time: number, text: string, seed: number, side?: WireSide): void
  /** A packet arrived, or a GSO frame that passes whole. The wire owns it. */
  arrival(direction: string, time: number, id: number, skb: SkBuff): void
  /** A stage decided: drop, delay ... `amount` is the size, a delay's in ns; `why` the reason. */
  decision(
    direction: string,
    time: number,
    id: number,
    stage: string,
    verdict: string,
    amount: number | undefined,
    why: string | undefined,
  ): void
}

/** A step of a scenario: the changes at one time. `T` is the type of the parsed texts. */
export interface ScenarioStep<T> {
  /** Nanoseconds after the start, or after the start of the round. */
  readonly at: number
  /** The stages of each direction from then on. */
  readonly ab?: T | undefined
  readonly ba?: T | undefined
  /** false cuts the cable, true plugs it in again. */
  readonly carrier?: boolean | undefined
}

/** Steps in the order of their times. */
export interface ScenarioList<T> {
  readonly steps: readonly ScenarioStep<T>[]
  /** The length of a round in ns, after which the steps repeat; undefined runs them once. */
  readonly repeat?: number | undefined
  /** True if a step names a direction `in` or `out`, which only attachments have. */
  readonly hasSides?: boolean | undefined
}

/** The scenario that changes a pair of wires, as clients see it. */
export interface WireScenario {
  readonly file: string
  /** The length of a round in ns; undefined if the steps run once. */
  readonly repeat: number | undefined
  /** Returns how long ago its time 0 was, in ns; undefined if it has not started. */
  elapsed(): number | undefined
  /** Returns the changes and their times, in ns after the start of the scenario or of a round. */
  steps(): readonly { readonly at: number; readonly text: string }[]
}

/** Files and filters that a wire's text names, read and compiled before the wire is made. */
export interface WireResources {
  /** Returns a filter in pcap-filter(7)'s language. Throws a UsageError. */
  filter(text: string): PacketFilter
  /** Returns the text of a file. Throws a UsageError. */
  file(path: string): string
  /** Returns an own stage, an Impairment of wire/wire.ts, by name. Throws a UsageError. */
  readonly stage?: ((name: string, values: readonly StageValue[]) => unknown) | undefined
  /** Returns the log that is written to a file, one for each path. Throws a UsageError. */
  log?(path: string): DecisionLog
  /**
   * Reads a scenario from a file; `parse` makes something of the text for a direction, or throws a
   * UsageError. Throws a FileError that names the position of each mistake.
   */
  scenario?<T>(path: string, parse: (text: string, direction: 'ab' | 'ba') => T): ScenarioList<T>
}

/** A value that follows the name of an own stage. */
export type StageValue = number | string

/** The text of a wire, read for either direction. */
export type WireText = Readonly<{ text: string }>

/** The filter of an attachment: frames that it does not match pass in the kernel, not the wire. */
export interface KernelFilter {
  /** Its text; empty if all frames pass the wire. */
  readonly text: string
  /** How many frames of a direction have passed in the kernel. */
  passed(side: WireSide): number
  /** Takes another filter, or all frames. Throws a UsageError, or a VnetError that says why not. */
  change(filter: PacketFilter | undefined): void
}

/**
 * A wire of a device, one direction, as the control plane and the program see it. The driver makes
 * it and returns it from ndoGetWires; it is closed when the device is unregistered.
 */
export interface DeviceWire {
  readonly direction: 'ab' | 'ba'
  /** Only on an attachment. */
  readonly side?: WireSide | undefined
  /** The sender's end; its device is unknown where frames come from no single device. */
  readonly from?: { readonly dev?: unknown }
  /** The text of its stages; empty without a stage. */
  readonly text: string
  /** The scenario that changes it at set times, if any. */
  readonly scenario?: WireScenario | undefined
  /** Only on an attachment. */
  readonly only?: KernelFilter | undefined
  /** The seed of the run, which repeats its random decisions; undefined if no command knows it. */
  readonly runSeed?: number | undefined
  /** Frames lost before vnet that would have taken this direction (NetDevice.beforeVnet). */
  beforeVnet?(now: boolean): number
  /** Frames of this direction that passed the interface directly. Only on an attachment. */
  bypassed?: (() => number) | undefined
  report(): readonly StageReport[]
  /** The reports of stages that were replaced, if they hit packets. */
  readonly former?: readonly StageReport[]
  /** Reads a text for `change`, also of the other direction. Throws a UsageError if it is wrong. */
  read(text: string): WireText
  /** Replaces its stages. Nothing held is lost. Throws a UsageError if `text` is wrong. */
  change(text: string | WireText, resources: WireResources): void
  /** Called when the frame probe of a device that it joins was set or removed. */
  probeChanged?(): void
  /** Drops held packets and all later ones. Idempotent. */
  close(): void
}

/** Returns a wire's direction of a preset: `ab` uploads; what an interface receives downloads. */
export function presetDirection({
  direction,
  side,
}: Pick<DeviceWire, 'direction' | 'side'>): 'ab' | 'ba' {
  if (side === undefined) return direction
  return side === 'in' ? 'ba' : 'ab'
}

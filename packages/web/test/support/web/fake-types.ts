/** The state of the fake world and the fake feed. */
import type { ServerResponse } from 'node:http'
import type { DriverParam } from '#src/control/index.ts'
import type { DeviceCounters, DeviceRow, Want } from '../../../src/feed-types.ts'

type Writable<T> = { -readonly [K in keyof T]: T[K] }

export type Counters = Writable<Omit<DeviceCounters, 'id' | 'drops'>> & {
  readonly drops: { readonly tx: Record<string, number>; readonly rx: Record<string, number> }
}

export interface FakeDevice {
  readonly row: Writable<DeviceRow>
  readonly pid: number
  readonly driver: string
  /** Frames per second in each direction. */
  readonly rate: number
  /** Whether it has a board with rings, interrupts and a poll. */
  readonly hasBoard: boolean
  readonly text: { ab: string; ba: string }
  readonly params: Writable<DriverParam>[]
  counters: Counters
  step: { mode: 'on' | 'off'; at: number }
}

export interface DeviceOptions {
  readonly rate?: number
  readonly hasBoard?: boolean
  readonly queues?: number
  readonly text?: { ab: string; ba: string }
}

export interface WorldOptions {
  /** Interfaces of the loop. */
  readonly devices?: number
  /** Number of hosts of the lan; 0 or undefined means no lan. */
  readonly hosts?: number
  readonly hostile?: boolean
  /** Number of hosts of the lab besides its router; 0 or undefined means no lab. */
  readonly lab?: number
  /** Start of its time, in milliseconds since 1970. */
  readonly start?: number
}

/** A page that listens. */
export interface Feed {
  readonly device: string
  readonly peer: string
  readonly want: readonly Want[]
  readonly mayChange: boolean
  readonly response: ServerResponse
  /** Resolves when its connection has ended. */
  readonly closed: Promise<void>
}

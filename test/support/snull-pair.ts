/**
 * snull in memory: its two devices, their boards and ports, and frames that can be identified when
 * they arrive.
 */

import type { MemoryPort } from '#src/bed/memory-port.ts'
import type { SnullHw } from '#src/drivers/snull/board.ts'
import { driver } from '#src/drivers/snull/driver.ts'
import type { ParamValues } from '#src/netdev/driver.ts'
import type { NetDevice } from '#src/netdev/net-device.ts'
import { buildFrame, plain } from '../packet/frames.ts'
import { addDriver, type MemoryNet } from './memory-net.ts'

export type SnullParams = ParamValues<typeof driver.params>

type Two<T> = readonly [T, T]

export async function snullPair(
  memory: MemoryNet,
  params: Partial<SnullParams> = {},
  options: { txqs?: number; rxqs?: number; down?: boolean; features?: number } = {},
) {
  const { devices, ports, specs } = await addDriver(memory, driver, params, options)
  const [sn0, sn1] = devices as unknown as Two<NetDevice>
  const [port0, port1] = ports as unknown as Two<MemoryPort>
  const [hw0, hw1] = [sn0, sn1].map(
    dev => (dev.priv as { hw: SnullHw }).hw,
  ) as unknown as Two<SnullHw>
  return { memory, sn0, sn1, port0, port1, hw0, hw1, specs }
}

/** A frame of 60 bytes over IPv4, the `number`-th of a flow: each flow has a sender of its own. */
export function flowFrame(flow: number, number: number): Uint8Array {
  const key = `${flow} ${number}`
  const frame = frames.get(key) ?? buildFlowFrame(flow, number)
  frames.set(key, frame)
  return frame.slice()
}

/** The frames that were built: tests send the same ones again and again. */
const frames = new Map<string, Uint8Array>()

function buildFlowFrame(flow: number, number: number): Uint8Array {
  const payload = [flow, number >> 8, number & 0xff, ...new Array<number>(15).fill(0)]
  return buildFrame({
    packet: { ...plain, source: [198, 18, 0, 10 + flow], payload },
    tags: [],
    padding: [],
  })
}

/** Returns the flow and the number of a frame made by `flowFrame`. */
export function flowNumber({ bytes }: { bytes: Uint8Array }): [flow: number, number: number] {
  return [bytes[42] ?? -1, ((bytes[43] ?? 0) << 8) | (bytes[44] ?? 0)]
}

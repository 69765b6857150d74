/**
 * 'vnet/tap': TAP interfaces for programs.
 *
 *     await using tap = await openTap({ name: 'ping0', addresses: ['198.18.0.1/24'] })
 *     for await (const frames of tap) for (const frame of frames) tap.write(answer(frame))
 *
 * `openTap` loads the native addon; importing this does not.
 */
import './base/dispose.ts'

export type { Tap, TapEvents } from './linux/tap/device.ts'
export type { TapFrame, TapFrameInfo, TapLayer } from './linux/tap/frame.ts'
export { openTap, type TapOptions } from './linux/tap/open.ts'
export type { TapCounters } from './linux/tap/writer.ts'

/** Log lines of frames and of events between them. */

import type { Log } from '../base/log.ts'
import type { SkBuff } from '../skb/sk-buff.ts'

/**
 * Logs one frame in tcpdump's format, for a device whose msgEnable has NETIF_MSG_PKTDATA: `tx-0 IP
 * 198.18.0.1 > 198.18.0.2: ...` was sent by the kernel on transmit queue 0, `rx-0` goes to the
 * kernel. `dropped` is the reason if the frame was dropped.
 */
export function logFrame(dev: FrameLog, direction: 'tx' | 'rx', skb: SkBuff, dropped?: number): void {
  logEvent(dev, () => `${direction}-${skb.queueMapping} ${dev.net.frameText(skb, dropped)}`)
}

/** A device that logs the lines its msgEnable selects. */
interface FrameLog {
  readonly port: unknown
  readonly log: Log
  /** Prints frames, so that a driver need not load a printer. */
  readonly net: { frameText(skb: SkBuff, dropped: number | undefined): string }
  /** Gets these lines if only IFF_DEBUG requests them. */
  readonly debugLog: { info(kind: string, text: string | (() => string)): void } | undefined
}

/**
 * Logs an event other than a frame, for a device whose msgEnable has its bit. The caller tests the
 * bit first, so that text is built only if it is logged. A device without a port logs nothing.
 */
export function logEvent(dev: FrameLog, text: string | (() => string)): void {
  if (dev.port === undefined) return
  if (dev.debugLog !== undefined) dev.debugLog.info('IFF_DEBUG', text)
  else dev.log.info(typeof text === 'string' ? text : text())
}

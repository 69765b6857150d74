/** The packets in flight when a command of `vnet run` ends. A kernel would still deliver them. */
import { setTimeout } from 'node:timers/promises'
import { type TcpSocket, tcpSocketsOf } from '../counters.ts'
import type { LabHost } from '../host.ts'
import type { LabLink } from '../link.ts'
import type { DirectionReport } from '../protocol.ts'

/** Milliseconds after which the rest is lost. */
const LIMIT_MS = 2000
/** Milliseconds between two looks. */
const LOOK_MS = 10

/** include/net/tcp_states.h: TCP_FIN_WAIT1, TCP_FIN_WAIT2, TCP_LAST_ACK, TCP_CLOSING */
const UNDELIVERED: readonly number[] = [4, 5, 9, 11]

/**
 * Waits until the command's packets are delivered: the servers of closed TCP connections have
 * closed them, too, because the process outside may still hold data; the link holds no packet, and
 * the router's sockets have been read. Ends after 2 s, and when `signal` aborts.
 */
export async function drain(host: LabHost, router: LabHost, link: LabLink, signal: AbortSignal): Promise<void> {
  const end = performance.now() + LIMIT_MS
  let sentBefore: number | undefined
  while (!signal.aborted && performance.now() < end) {
    const { a, ab, ba } = await link.stats()
    const isQuiet =
      ![ab, ba].some(holdsPackets) &&
      !tcpSocketsOf(host.place).some(({ state }: TcpSocket) => UNDELIVERED.includes(state)) &&
      !tcpSocketsOf(router.place).some(({ unread }) => unread > 0)
    // Packets between the interfaces and the wire show at the second look.
    if (isQuiet && a.sent === sentBefore) return
    sentBefore = isQuiet ? a.sent : undefined
    await setTimeout(LOOK_MS, undefined, { signal }).catch(() => {})
  }
}

const holdsPackets = ({ stages }: DirectionReport) => stages.some(({ held }) => held > 0)

/**
 * Which fields of LinkStats64 a drop counts in, by its reason and the side it is on. One of them says that a frame was lost
 * (dropped, errors, missed, otherhost or nohandler), and for an error a second one what kind it was
 * (Documentation/networking/statistics.rst).
 */
import {
  SKB_DROP_REASON_FULL_RING,
  SKB_DROP_REASON_HDR_TRUNC,
  SKB_DROP_REASON_MAX,
  SKB_DROP_REASON_OTHERHOST,
  SKB_DROP_REASON_PKT_TOO_BIG,
  SKB_DROP_REASON_PKT_TOO_SMALL,
  SKB_DROP_REASON_RX_CRC,
  SKB_DROP_REASON_RX_FIFO,
  SKB_DROP_REASON_RX_FRAME,
  SKB_DROP_REASON_RX_NOHANDLER,
  SKB_DROP_REASON_RX_OVER,
  SKB_DROP_REASON_TX_ABORTED,
  SKB_DROP_REASON_TX_CARRIER,
  SKB_DROP_REASON_TX_FIFO,
  SKB_DROP_REASON_TX_HEARTBEAT,
  SKB_DROP_REASON_TX_WINDOW,
} from '../skb/drop-reason.ts'
import {
  RX_CRC_ERRORS,
  RX_DROPPED,
  RX_ERRORS,
  RX_FIFO_ERRORS,
  RX_FRAME_ERRORS,
  RX_LENGTH_ERRORS,
  RX_MISSED_ERRORS,
  RX_NOHANDLER,
  RX_OTHERHOST_DROPPED,
  RX_OVER_ERRORS,
  TX_ABORTED_ERRORS,
  TX_CARRIER_ERRORS,
  TX_DROPPED,
  TX_ERRORS,
  TX_FIFO_ERRORS,
  TX_HEARTBEAT_ERRORS,
  TX_WINDOW_ERRORS,
} from './stats.ts'

type Fields = readonly number[]

const rxFields: ReadonlyMap<number, Fields> = new Map([
  [SKB_DROP_REASON_PKT_TOO_SMALL, [RX_ERRORS, RX_LENGTH_ERRORS]],
  [SKB_DROP_REASON_PKT_TOO_BIG, [RX_ERRORS, RX_LENGTH_ERRORS]],
  [SKB_DROP_REASON_HDR_TRUNC, [RX_ERRORS, RX_FRAME_ERRORS]],
  [SKB_DROP_REASON_RX_OVER, [RX_ERRORS, RX_OVER_ERRORS]],
  [SKB_DROP_REASON_RX_CRC, [RX_ERRORS, RX_CRC_ERRORS]],
  [SKB_DROP_REASON_RX_FRAME, [RX_ERRORS, RX_FRAME_ERRORS]],
  [SKB_DROP_REASON_RX_FIFO, [RX_ERRORS, RX_FIFO_ERRORS]],
  [SKB_DROP_REASON_FULL_RING, [RX_MISSED_ERRORS]],
  [SKB_DROP_REASON_OTHERHOST, [RX_OTHERHOST_DROPPED]],
  [SKB_DROP_REASON_RX_NOHANDLER, [RX_NOHANDLER]],
])

const txFields: ReadonlyMap<number, Fields> = new Map([
  [SKB_DROP_REASON_TX_ABORTED, [TX_ERRORS, TX_ABORTED_ERRORS]],
  [SKB_DROP_REASON_TX_CARRIER, [TX_ERRORS, TX_CARRIER_ERRORS]],
  [SKB_DROP_REASON_TX_FIFO, [TX_ERRORS, TX_FIFO_ERRORS]],
  [SKB_DROP_REASON_TX_HEARTBEAT, [TX_ERRORS, TX_HEARTBEAT_ERRORS]],
  [SKB_DROP_REASON_TX_WINDOW, [TX_ERRORS, TX_WINDOW_ERRORS]],
])

const rxByReason = byReason(rxFields, [RX_DROPPED])
const txByReason = byReason(txFields, [TX_DROPPED])

function byReason(fields: ReadonlyMap<number, Fields>, others: Fields): readonly Fields[] {
  return Array.from({ length: SKB_DROP_REASON_MAX }, (_, reason) => fields.get(reason) ?? others)
}

/** The fields that a drop of this reason adds one to, on the receive or the transmit side. */
export function statsOfDrop(reason: number, rx: boolean): Fields {
  return (rx ? rxByReason : txByReason)[reason]
}

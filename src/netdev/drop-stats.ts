/**
 * Which fields of LinkStats64 count a drop, by its reason and the side it is on. One field counts
 * the lost frame (dropped, errors, missed, otherhost or nohandler); an error has a second one for
 * its kind (Documentation/networking/statistics.rst).
 */
import * as drop from '../skb/drop-reason.ts'
import * as stats from './stats.ts'

type Fields = readonly number[]

const rxFields: ReadonlyMap<number, Fields> = new Map([
  [drop.SKB_DROP_REASON_PKT_TOO_SMALL, [stats.RX_ERRORS, stats.RX_LENGTH_ERRORS]],
  [drop.SKB_DROP_REASON_PKT_TOO_BIG, [stats.RX_ERRORS, stats.RX_LENGTH_ERRORS]],
  [drop.SKB_DROP_REASON_HDR_TRUNC, [stats.RX_ERRORS, stats.RX_FRAME_ERRORS]],
  [drop.SKB_DROP_REASON_RX_OVER, [stats.RX_ERRORS, stats.RX_OVER_ERRORS]],
  [drop.SKB_DROP_REASON_RX_CRC, [stats.RX_ERRORS, stats.RX_CRC_ERRORS]],
  [drop.SKB_DROP_REASON_RX_FRAME, [stats.RX_ERRORS, stats.RX_FRAME_ERRORS]],
  [drop.SKB_DROP_REASON_RX_FIFO, [stats.RX_ERRORS, stats.RX_FIFO_ERRORS]],
  [drop.SKB_DROP_REASON_FULL_RING, [stats.RX_MISSED_ERRORS]],
  [drop.SKB_DROP_REASON_OTHERHOST, [stats.RX_OTHERHOST_DROPPED]],
  [drop.SKB_DROP_REASON_RX_NOHANDLER, [stats.RX_NOHANDLER]],
])

const txFields: ReadonlyMap<number, Fields> = new Map([
  [drop.SKB_DROP_REASON_TX_ABORTED, [stats.TX_ERRORS, stats.TX_ABORTED_ERRORS]],
  [drop.SKB_DROP_REASON_TX_CARRIER, [stats.TX_ERRORS, stats.TX_CARRIER_ERRORS]],
  [drop.SKB_DROP_REASON_TX_FIFO, [stats.TX_ERRORS, stats.TX_FIFO_ERRORS]],
  [drop.SKB_DROP_REASON_TX_HEARTBEAT, [stats.TX_ERRORS, stats.TX_HEARTBEAT_ERRORS]],
  [drop.SKB_DROP_REASON_TX_WINDOW, [stats.TX_ERRORS, stats.TX_WINDOW_ERRORS]],
])

const rxByReason = byReason(rxFields, [stats.RX_DROPPED])
const txByReason = byReason(txFields, [stats.TX_DROPPED])

function byReason(fields: ReadonlyMap<number, Fields>, others: Fields): readonly Fields[] {
  return Array.from({ length: drop.SKB_DROP_REASON_MAX }, (_, reason) => fields.get(reason) ?? others)
}

/**
 * Returns the fields that a drop of this reason adds one to, on the receive or the transmit side.
 */
export function statsOfDrop(reason: number, rx: boolean): Fields {
  return (rx ? rxByReason : txByReason)[reason]
}

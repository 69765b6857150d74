/**
 * The parts by themselves. `open()` returns a function that repeats an operation and returns a
 * number, so that V8 cannot remove the work.
 */

import { flipNetwork } from '../../dist/drivers/index.js'
import { Ring, SkBuffPool } from '../../dist/index.js'
import { checksumUpdate, onesComplementSum } from '../../dist/packet/checksum.js'
import { FRAME, udpFrame } from './frame.mjs'

const BATCH = 16

export const parts = [
  { name: 'flip', title: 'flip of one frame, checksums kept right', open: flip },
  { name: 'pool', title: 'pool: alloc and free', open: allocAndFree },
  {
    name: 'pool_batch',
    title: 'pool: take of large slots, 16 at a time, and free',
    open: takeAndFree,
  },
  { name: 'copy', title: 'skb: copy of 64 bytes, and free', open: copyAndFree },
  { name: 'ring', title: 'ring: push and shift', open: pushAndShift },
  { name: 'checksum', title: 'checksum of 1,500 octets', open: fullChecksum },
  { name: 'checksum_update', title: 'checksum: incremental update of a word', open: updateOfWord },
]

function newPool() {
  return new SkBuffPool({ large: 64, small: 64 })
}

function newFrame(pool) {
  const frame = pool.alloc(FRAME)
  pool.bytes.set(udpFrame(), frame.put(FRAME))
  return frame
}

function flip() {
  const frame = newFrame(newPool())
  return times => {
    let sum = 0
    for (let i = 0; i < times; i++) {
      sum += flipNetwork(frame)
    }
    return sum
  }
}

function allocAndFree() {
  const pool = newPool()
  return times => {
    for (let i = 0; i < times; i++) {
      pool.alloc(FRAME).free()
    }
    return pool.out
  }
}

function takeAndFree() {
  const pool = newPool()
  const account = pool.openAccount(() => {})
  const offsets = new Int32Array(BATCH)
  const taken = Array.from({ length: BATCH })
  return times => {
    for (let i = 0; i < times; i += BATCH) {
      const n = pool.peek(account, BATCH, offsets)
      for (let j = 0; j < n; j++) {
        taken[j] = pool.take(account, FRAME)
      }
      for (let j = 0; j < n; j++) {
        taken[j].free()
      }
    }
    return pool.out
  }
}

function copyAndFree() {
  const pool = newPool()
  const frame = newFrame(pool)
  return times => {
    for (let i = 0; i < times; i++) {
      frame.copy().free()
    }
    return pool.out
  }
}

function pushAndShift() {
  const pool = newPool()
  const ring = new Ring(64)
  while (ring.length < 32) {
    ring.push(pool.alloc(FRAME))
  }
  return times => {
    for (let i = 0; i < times; i++) {
      ring.push(ring.shift())
    }
    return ring.length
  }
}

function fullChecksum() {
  const octets = new Uint8Array(1500).map((_, i) => i * 7)
  const view = new DataView(octets.buffer)
  return times => {
    let sum = 0
    for (let i = 0; i < times; i++) {
      sum = onesComplementSum(octets, 0, octets.length, sum, view)
    }
    return sum
  }
}

function updateOfWord() {
  return times => {
    let checksum = 0x1234
    for (let i = 0; i < times; i++) {
      checksum = checksumUpdate(checksum, i & 0xffff, (i >>> 3) & 0xffff)
    }
    return checksum
  }
}

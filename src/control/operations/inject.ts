/** INJECT: has a device receive the frames of a request, as its driver would. */
import { EINVAL, ENETDOWN, VnetError } from '../../base/errno.ts'
import {
  ETH_HLEN,
  ethTypeTrans,
  type NetDevice,
  netifRunning,
  netifRxDrop,
  netifRxFrom,
} from '../../netdev/index.ts'
import { VLAN_HLEN } from '../../packet/vlan.ts'
import {
  SKB_DROP_REASON_PKT_TOO_BIG,
  SKB_DROP_REASON_PKT_TOO_SMALL,
} from '../../skb/drop-reason.ts'
import { commands, vnetAttributes } from '../protocol/family.ts'
import { FRAME_PREFIX, frameLength, INJECT_FRAMES, isWhole } from '../protocol/frame-list.ts'
import { type Operation, operation, Refusal } from './operation.ts'
import { type Subject, theOne } from './subject.ts'

/** Frames per write batch. */
const BATCH = 32

/**
 * INJECT: an interface receives frames. The reply says how many were taken; the client sends the
 * rest again.
 */
export function inject(subject: Subject): Operation {
  return operation(commands.inject, {
    doit({ frames, ...which }) {
      const dev = theOne(subject, which)
      if (!isWhole(frames)) {
        throw new Refusal(
          EINVAL,
          vnetAttributes.injectFrames.type,
          'frames: the last one is not whole',
        )
      }
      if (!netifRunning(dev)) throw new VnetError(ENETDOWN, 'vnet_nl', `${dev.name} is down`)
      return receive(dev, frames)
    },
  })
}

/** Receives frames until no slot is free for the next, or one request has received enough. */
function receive(dev: NetDevice, list: Uint8Array): { taken: number; refused: number } {
  const { pool } = dev.net
  const longest = dev.mtu + ETH_HLEN + VLAN_HLEN
  let [taken, refused] = [0, 0]
  for (let at = 0; at < list.length && taken < INJECT_FRAMES; taken++) {
    const length = frameLength(list, at)
    const skb = pool.alloc(length)
    if (skb === undefined) break
    skb.bytes.set(list.subarray(at + FRAME_PREFIX, at + FRAME_PREFIX + length), skb.put(length))
    at += FRAME_PREFIX + length
    dev.counters.madeFrom(0, 1)
    if (length < ETH_HLEN || length > longest) {
      netifRxDrop(
        skb,
        dev,
        length < ETH_HLEN ? SKB_DROP_REASON_PKT_TOO_SMALL : SKB_DROP_REASON_PKT_TOO_BIG,
      )
      refused++
      continue
    }
    skb.dev = dev
    ethTypeTrans(skb, dev)
    netifRxFrom(skb, 'client')
    // Writing is part of the time that requests may take.
    if (taken % BATCH === BATCH - 1) {
      dev.net.flush()
    }
  }
  dev.net.flush()
  return { taken, refused }
}

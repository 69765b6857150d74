// @ts-check

import {
  counts,
  defineExercise,
  udpFrame,
  verify,
  verifyDownAndUp,
  verifyNothingLost,
} from '@vnet/learn'
/** 15. A broken driver: faults that only observation shows. */
import { devClose, devOpen } from 'vnet'

/** @typedef {import('@vnet/learn').TestBed} TestBed */

const ENDS = { from: '198.18.0.1', to: '198.18.0.9' }
const DELAY = 5
const SLOTS = 4
const SHORTEST = 60
/** Where the IPv4 addresses are, and the TTL. */
const [ADDRESSES_AT, PAYLOAD_AT, TTL_AT] = [26, 34, 22]
/** Headers of Ethernet, IPv4 and ICMP. */
const PING_HEADERS = 42

/**
 * Transmits frames, which cross the board.
 * @param {TestBed} bed
 * @param {readonly Uint8Array[]} frames
 */
function cross(bed, frames) {
  for (const frame of frames) {
    bed.transmit(frame)
  }
  bed.advance(`${10 * DELAY}ms`)
}

/** @param {number} n */
const some = n => Array.from({ length: n }, () => udpFrame(ENDS))

export const exercise = defineExercise({
  version: 1,
  driver: 'broken.js',
  title: 'A broken driver: find six faults',
  summary: 'a driver with six faults, which captures, --debug, steps and counters show',
  kernelNames: ['skb_put_padto', 'kfree_skb_reason', 'netif_wake_queue'],
  params: { delay: DELAY, slots: SLOTS },
  memory: [
    {
      title: 'changes nothing but the addresses',
      read: 'Captures',
      run(bed) {
        const [sent] = some(1)
        cross(bed, [sent])
        const bytes = bed.received[0]?.bytes
        verify(bytes?.length === sent.length, {
          seen: `a frame of ${sent.length} bytes came back with ${bytes?.length ?? 'none'}`,
          expected: 'its length',
        })
        const at = sent.findIndex(
          (byte, i) => byte !== bytes[i] && !(i >= ADDRESSES_AT && i < PAYLOAD_AT),
        )
        verify(at < 0, {
          seen: `byte ${at} came back as ${bytes[at]}, and was sent as ${sent[at]}`,
          expected:
            'all bytes but the IPv4 addresses as they were sent: the checksum of the header covers it',
        })
      },
    },
    {
      title: 'leaves to vnet what vnet counts',
      read: 'Counters',
      run(bed) {
        cross(bed, some(3))
        const { rxPackets } = bed.stats()
        verify(rxPackets === 3, {
          seen: `the kernel received ${bed.received.length} frames, and rx_packets is ${rxPackets}`,
          expected: '3: netifRx leads to the count',
        })
      },
    },
    {
      title: 'drops packets at the end of their life as IP_INHDR',
      read: 'Counters',
      run(bed) {
        const frames = some(3)
        for (const [ttl, frame] of frames.entries()) {
          frame[TTL_AT] = ttl
        }
        cross(bed, frames)
        const { txDropped } = bed.stats()
        verify(bed.received.length === 1, {
          seen: `packets with a TTL of 0, 1 and 2; ${bed.received.length} came back; dropped: ${counts(bed.drops())}`,
          expected: '1, the one with a TTL of 2',
          read: 'The driver as it should be',
        })
        verify(bed.drops().IP_INHDR === 2 && txDropped === 2, {
          seen: `two packets with a TTL below 2; tx_dropped is ${txDropped}; dropped: ${counts(bed.drops())}`,
          expected: 'IP_INHDR 2: free() counts nothing',
        })
      },
    },
    {
      title: 'pads short frames with zeros to 60 bytes',
      read: 'The driver as it should be',
      run(bed) {
        for (const payload of [1, 0, SHORTEST - PING_HEADERS - 1]) {
          const sent = udpFrame({ ...ENDS, payload: new Uint8Array(payload).fill(7) })
          bed.received.length = 0
          cross(bed, [sent])
          const bytes = bed.received[0]?.bytes
          verify(bytes?.length === SHORTEST, {
            seen: `a frame of ${sent.length} bytes came back with ${bytes?.length ?? 'none'}`,
            expected: `${SHORTEST}: the bytes that were written are part of the frame`,
          })
          verify(
            bytes.subarray(sent.length).every(byte => byte === 0),
            {
              seen: `the bytes after the first ${sent.length} came back as ${bytes.subarray(sent.length).join(' ')}`,
              expected: 'zeros: otherwise bytes of older frames leave the machine',
            },
          )
        }
      },
    },
    {
      title: 'continues after its ring was full',
      read: 'Steps',
      async run(bed, { another }) {
        cross(bed, some(3 * SLOTS))
        const { length } = bed.received
        const stopped = bed.dev.tx[0]?.stopped === true ? '; the queue is still stopped' : ''
        verify(length === 3 * SLOTS, {
          seen: `with a ring of ${SLOTS}, of ${3 * SLOTS} frames ${length} came back${stopped}`,
          expected: 'all: each time when the ring was emptied, the queue is woken',
        })
        const other = await another()
        other.transmit(udpFrame(ENDS))
        cross(bed, some(1))
        verify(bed.received.length === 3 * SLOTS + 1, {
          seen: 'while another device had a frame in its ring, one of this device did not come back',
          expected:
            'the frame: the state of a device is in dev.priv; a variable of the module is shared by all devices',
        })
        other.advance(DELAY)
      },
    },
    {
      title: 'works again after it went down with frames on the board',
      read: 'The state of a device',
      async run(bed) {
        for (const frame of some(2)) {
          bed.transmit(frame)
        }
        await devClose(bed.dev)
        await devOpen(bed.dev)
        cross(bed, some(3))
        verify(bed.received.length === 3, {
          seen: `with 2 frames in the ring the interface went down and up; of 3 frames that followed ${bed.received.length} came back`,
          expected: '3: ndoStop leaves the state in which ndoOpen found it',
        })
      },
    },
  ],
  live: [
    {
      title: 'short pings come back with 60 bytes, and none is lost',
      needs: ['ping'],
      read: 'The driver as it should be',
      async run({ vnet, run }) {
        const running = await vnet()
        await run('ping', '-c', '10', '-i', '0.02', '-s', '0', '198.18.0.9')
        // The order is kept, so after this reply no frame is on its path.
        await run('ping', '-c', '1', '-W', '10', '-s', '0', '198.18.0.9')
        const [statistics] = await running.stop()
        const { rxPackets = 0, rxBytes = 0, txPackets = 0, txBytes = 0 } = statistics?.total ?? {}
        verify(rxPackets === txPackets && rxBytes === SHORTEST * rxPackets && rxPackets >= 22, {
          seen: `11 pings of ${PING_HEADERS} bytes: ${txPackets} frames with ${txBytes} bytes transmitted, ${rxPackets} with ${rxBytes} received`,
          expected: `22 and 22 of ${SHORTEST} bytes: each ping is mirrored, and its reply`,
        })
      },
    },
    {
      title: 'a flood of pings loses nothing with a ring of two',
      needs: ['ping', 'ip'],
      read: 'Steps',
      run: live =>
        verifyNothingLost(live, ['--slots', '2', '--delay', '1'], {
          count: 200,
          interval: '0.002',
        }),
    },
    {
      title: 'pings come back after the interface was taken down and up ten times',
      needs: ['ping', 'ip'],
      read: 'The state of a device',
      run: live => verifyDownAndUp(live, ['--delay', '10'], 10),
    },
  ],
})

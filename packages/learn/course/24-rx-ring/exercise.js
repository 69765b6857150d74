// @ts-check

import {
  beforeCall,
  counts,
  defineExercise,
  udpFrame,
  verify,
  verifyDownAndUp,
  verifyNothingLost,
} from '@vnet/learn'
/** 24. The receive ring: memory that a card writes. */
import { devAllocSkb, devClose, devOpen, ETH_P_IP } from 'vnet'
import { e1000Hw as e1000 } from 'vnet/drivers'

/** @typedef {import('@vnet/learn').TestBed} TestBed */
/**
 * @typedef {object} Priv
 * @property {import('vnet/drivers').MirrorSlot} slot
 * @property {import('vnet').Napi} napi
 * @property {{ desc: import('vnet/pci').CoherentMemory }} rx
 */

const RING = 8
/** Descriptors of a ring that can be in use. */
const USABLE = RING - 1
/** Bytes of the headers of Ethernet, IPv4 and UDP. */
const HEADERS = 42
const LAG = 5
/** The card works inside of the driver's code. */
const AT_ONCE = -1
/** The frames that a poll takes at most. */
const BUDGET = 64
const USUAL = { ringSize: RING, lag: 0, weak: false }

/** @param {TestBed} bed */
const privOf = bed => /** @type {Priv} */ (bed.dev.priv)

/**
 * A frame with its number in each byte of the payload.
 * @param {TestBed} bed
 * @param {number} n
 */
const frame = (bed, n, length = 60) =>
  udpFrame({
    from: '198.18.0.1',
    to: '198.18.0.9',
    sourceMac: bed.dev.devAddr,
    destinationMac: bed.dev.devAddr,
    payload: new Uint8Array(length - HEADERS).fill(n),
  })

/**
 * The kernel transmits frames with these numbers, in one batch, and the mirror sends them back.
 * @param {TestBed} bed
 * @param {number} first
 * @param {number} last
 */
function transmit(bed, first, last) {
  for (let n = first; n <= last; n++) {
    bed.port().transmit(frame(bed, n))
  }
  bed.advance(0)
}

/** The most numbers of frames in an explanation. */
const SHOWN = 40

/** @param {TestBed} bed */
function arrived(bed) {
  const numbers = bed.received.map(({ bytes }) => bytes[HEADERS])
  const more = numbers.length > SHOWN ? ` and ${numbers.length - SHOWN} more` : ''
  return `${numbers.slice(0, SHOWN).join(' ') || 'none'}${more}`
}

/** @param {TestBed} bed */
const lengths = bed => bed.received.map(({ bytes }) => bytes.length).join(' ') || 'none'

/**
 * @param {number} last
 * @param {number} first
 */
const upTo = (last, first = 1) =>
  Array.from({ length: last - first + 1 }, (_, i) => first + i).join(' ')

/**
 * The first line of the IOMMU in the log.
 * @param {TestBed} bed
 */
const fault = bed => {
  const line = bed.log.find(each => each.includes('DMAR'))
  return line === undefined ? '' : `; the log has: ${line}`
}

/**
 * @param {TestBed} bed
 * @param {string} what
 * @param {string} expected
 * @param {string} why
 */
function verifyArrived(bed, what, expected, why) {
  verify(arrived(bed) === expected, {
    seen: `${what}: frames ${arrived(bed)} came back; dropped: ${counts(bed.drops())}${fault(bed)}`,
    expected: `${expected}: ${why}`,
  })
}

/**
 * A frame arrives by the cable, which this driver has not sent.
 * @param {TestBed} bed
 * @param {Uint8Array} bytes
 */
function arrive(bed, bytes) {
  const skb = devAllocSkb(/** @type {import('vnet').NetDevice} */ (bed.dev), bytes.length)
  if (skb === undefined) return
  skb.bytes.set(bytes, skb.put(bytes.length))
  privOf(bed).slot.card.receive(skb)
}

/**
 * How many frames are mapped, so that the card may access them.
 * @param {TestBed} bed
 */
const mapped = bed => privOf(bed).slot.iommu.live - 2

/**
 * Calls a function while memory for receive buffers is refused.
 * @param {TestBed} bed
 * @param {() => void} run
 */
function withoutBuffers({ net: { pool } }, run) {
  const { alloc } = pool
  pool.alloc = size => (size >= 1000 ? undefined : alloc.call(pool, size))
  run()
  pool.alloc = alloc
}

export const exercise = defineExercise({
  version: 1,
  driver: 'rx.js',
  title: 'The receive ring: memory that a card writes',
  summary: 'buffers that a card fills when it likes: refill, a barrier, and the end of the card',
  kernelNames: [
    'netdev_alloc_skb',
    'dma_map_single',
    'dma_unmap_single',
    'dma_rmb',
    'skb_put',
    'eth_type_trans',
    'napi_complete_done',
  ],
  params: USUAL,
  kernelCard: { ofModel: ['lag', 'weak'] },
  rules: [
    {
      seen: /^the log has: .*DMA Write NO_PASID/,
      expected:
        'no access of the card to memory that it was not given: a buffer stays mapped, DMA_FROM_DEVICE, until DD is set or the card was reset',
      read: 'A buffer belongs to the card',
    },
    {
      seen: /failed to check map error/,
      expected: 'dmaMappingError(pdev, dma) after each dmaMapSingle',
      read: 'A buffer belongs to the card',
    },
    {
      seen: /is mapped for DMA|use-after-hand-over/,
      expected: 'dmaUnmapSingle before anything else is done with the frame',
      read: 'A buffer belongs to the card',
    },
    {
      seen: /frees DMA memory with different/,
      expected: 'dmaUnmapSingle with the length and the direction of dmaMapSingle',
      read: 'A buffer belongs to the card',
    },
    {
      seen: /has pending DMA allocations/,
      expected:
        'nothing is mapped when the interface is down: cleanRxRing unmaps and frees each buffer',
      read: 'Take them back',
    },
    {
      seen: /held after the end/,
      expected:
        'none: cleanRxRing unmaps and frees each buffer, allocRxBuffers one that cannot be mapped',
      read: 'Take them back',
    },
    {
      seen: /of coherent memory of/,
      expected: 'an index that starts again at 0 after the last descriptor',
      read: 'Refill',
    },
    {
      seen: /budget/,
      expected: 'a poll takes at most budget frames, and completes only if it has taken fewer',
      read: 'Receive',
    },
  ],
  memory: [
    {
      title: 'gives the card its ring and its buffers',
      read: 'A buffer belongs to the card',
      run(bed) {
        const { slot, rx } = privOf(bed)
        /** @param {number} register */
        const read = register => slot.card.read32(register)
        verify(read(e1000.E1000_RDBAL) === rx.desc.dma, {
          seen: `RDBAL is ${read(e1000.E1000_RDBAL)}, and the address of the ring ${rx.desc.dma}`,
          expected: 'rx.desc.dma, the address for the card',
        })
        verify(read(e1000.E1000_RDLEN) === 16 * RING, {
          seen: `the ring has ${RING} descriptors of 16 bytes, and RDLEN is ${read(e1000.E1000_RDLEN)}`,
          expected: `${16 * RING}: RDLEN is in bytes`,
        })
        const [head, tail] = [read(e1000.E1000_RDH), read(e1000.E1000_RDT)]
        verify(tail !== head && mapped(bed) > 0, {
          seen: `the interface is up: RDH is ${head}, RDT ${tail}, and ${mapped(bed)} buffers are mapped`,
          expected: `up to ${USABLE} buffers: to the card, a ring whose head is its tail is empty`,
        })
        verify((read(e1000.E1000_RCTL) & e1000.E1000_RCTL_EN) !== 0, {
          seen: 'EN is not set in RCTL',
          expected: 'set: the receiver is off after a reset',
        })
      },
    },
    {
      title: 'receives a frame, whole, without its CRC',
      read: 'Receive',
      params: { ...USUAL, ringSize: 64 },
      run(bed) {
        const port = bed.port()
        const { onFrame } = port
        /** @type {number[]} */
        const protocols = []
        port.onFrame = (skb, queue) => {
          protocols.push(skb.protocol)
          onFrame?.(skb, queue)
        }
        bed.transmit(frame(bed, 1, 1000))
        verifyArrived(
          bed,
          'a frame of 1000 bytes',
          '1',
          'the descriptor has DD: unmap, skb.put, ethTypeTrans, netifRx',
        )
        bed.transmit(frame(bed, 2, 60))
        bed.transmit(frame(bed, 3, 1514))
        verify(lengths(bed) === '1000 60 1514', {
          seen: `frames of 1000, 60 and 1514 bytes came back with ${lengths(bed)}`,
          expected: '1000 60 1514: the length in the descriptor has the 4 bytes of the CRC, too',
        })
        verify(protocols[0] === ETH_P_IP, {
          seen: `in netifRx, the protocol of a frame of IPv4 was ${protocols[0]}`,
          expected: `${ETH_P_IP}: ethTypeTrans(skb, dev)`,
        })
        const wrong = bed.received.filter(({ bytes }) => bytes.at(-1) !== bytes[HEADERS])
        verify(wrong.length === 0, {
          seen: `${wrong.length} of 3 frames came back with other bytes`,
          expected: 'none: each frame is in the buffer of its descriptor',
        })
      },
    },
    {
      title: 'gives the card a new buffer for each that it has filled',
      read: 'Refill',
      async run(bed, { another }) {
        for (let n = 1; n <= 4 * RING; n++) {
          transmit(bed, n, n)
        }
        verifyArrived(
          bed,
          `${4 * RING} frames, one by one, with ${USABLE} buffers`,
          upTo(4 * RING),
          'each in a new buffer, whose descriptor has the status 0; then RDT',
        )
        verify(mapped(bed) >= 1, {
          seen: `after ${4 * RING} frames the card has ${mapped(bed)} buffers`,
          expected: `some, of ${USABLE}`,
        })
        const slow = await another({ ...USUAL, lag: LAG })
        for (let n = 1; n <= 4 * RING; n += 4) {
          transmit(slow, n, n + 3)
          slow.advance(LAG)
          slow.advance(LAG)
        }
        verifyArrived(
          slow,
          `${4 * RING} frames, in fours, of a card that takes ${LAG} ms`,
          upTo(4 * RING),
          'all that have DD, and none that has not',
        )
      },
    },
    {
      title: 'reads the length after the status',
      read: 'The barrier',
      params: { ...USUAL, weak: true, lag: AT_ONCE },
      run(bed) {
        const { napi, slot } = privOf(bed)
        const all = [60, 1200, 64, 1000, 90, 80, 700, 61, 500, 1514, 62, 300]
        let next = 0
        // After the handler has read ICR, and before the poll looks at the ring.
        beforeCall(napi, 'schedule', () => {
          const length = all[next]
          if (length !== undefined) {
            arrive(bed, frame(bed, ++next, length))
          }
        })
        slot.card.write32(e1000.E1000_ICS, e1000.E1000_ICR_LSC)
        bed.advance(0)
        verify(lengths(bed) === all.join(' '), {
          seen: `frames of ${all.join(' ')} bytes arrived, and a CPU that reorders loads; the kernel got ${lengths(bed)}`,
          expected: 'the same: dmaRmb after DD was seen, and before the length is read',
        })
      },
    },
    {
      title: 'takes at most its budget in a poll, and all in the end',
      read: 'Receive',
      params: { ...USUAL, ringSize: 256, lag: LAG },
      run(bed) {
        const { napi } = privOf(bed)
        const n = 2 * BUDGET + 20
        transmit(bed, 1, n)
        bed.advance(LAG)
        verify(bed.received.length === n, {
          seen: `${n} frames at the same time: ${bed.received.length} came back, in ${napi.polls} polls`,
          expected: `${n}: a poll that has used its budget of ${BUDGET} returns it, and is called again`,
        })
      },
    },
    {
      title: 'continues when memory or a mapping for a buffer is refused',
      read: 'Refill',
      run(bed) {
        withoutBuffers(bed, () => transmit(bed, 1, 3))
        transmit(bed, 4, 20)
        verifyArrived(
          bed,
          'there was no memory for new buffers during frames 1 to 3',
          upTo(20),
          'frames are received in the buffers that are left; later ones fill the ring again',
        )
        const { iommu } = privOf(bed).slot
        // The first mapping is that of a frame to send.
        iommu.mapsUntilError = 1
        transmit(bed, 21, 21)
        transmit(bed, 22, 40)
        verifyArrived(
          bed,
          'a buffer could not be mapped after frame 21',
          upTo(40),
          'the buffer is freed, and a later refill makes up for it',
        )
        verify(mapped(bed) === USABLE, {
          seen: `after that the card has ${mapped(bed)} buffers`,
          expected: `${USABLE}: each refill fills all unused descriptors`,
        })
      },
    },
    {
      title: 'takes frames for the address that the device has now',
      read: 'A buffer belongs to the card',
      async run(bed) {
        await devClose(bed.dev)
        const address = [2, 0, 0x5e, 0x10, 0x20, 0xb0]
        bed.dev.devAddr.set(address)
        await devOpen(bed.dev)
        bed.advance(1)
        transmit(bed, 1, 2)
        verifyArrived(
          bed,
          'the address was changed while the interface was down',
          '1 2',
          'open writes dev.devAddr to RAL and RAH, with AV',
        )
      },
    },
    {
      title: 'stops the card, takes its buffers back, and starts as new',
      read: 'Take them back',
      params: { ...USUAL, lag: LAG },
      async run(bed) {
        const { card, iommu } = privOf(bed).slot
        transmit(bed, 1, 3)
        await devClose(bed.dev)
        const isOn = (card.read32(e1000.E1000_RCTL) & e1000.E1000_RCTL_EN) !== 0
        verify(!isOn, {
          seen: 'the interface is down, and the receiver is on',
          expected: 'off: what arrives now is written into memory of another owner',
        })
        verify(iommu.live === 0 && bed.balance().held === 0, {
          seen: `down with 3 frames under way: ${iommu.live} mappings and ${bed.balance().held} frames are left`,
          expected: 'none: cleanRxRing unmaps and frees each buffer',
        })
        bed.advance(2 * LAG)
        await devOpen(bed.dev)
        bed.advance(1)
        transmit(bed, 4, 5)
        bed.advance(2 * LAG)
        verifyArrived(bed, 'down and up again, then frames 4 and 5', '4 5', 'new rings, from 0')
      },
    },
  ],
  live: [
    {
      title: 'pings pass both rings of 256',
      needs: ['ping', 'ip'],
      read: 'Refill',
      // QEMU's card is silent for a second, and then loses frames that find no buffer.
      run: live =>
        verifyNothingLost(live, ['--ring-size', '256', '--weak'], {
          count: 400,
          because: 'each buffer that the card has filled is replaced',
        }),
    },
    {
      title: 'vnet show prints both rings',
      notInKernel: 'no virtual machine runs vnet show',
      read: 'See it live',
      async run(live) {
        const running = await live.vnet('--ring-size', '16')
        const [name = 'rx0'] = running.interfaces
        const { stdout } = await live.run('vnet', 'show', name, '--json')
        const { parts = [] } = JSON.parse(stdout || '{}')
        const ring = /** @type {{ name: string, length: number }[]} */ (parts).find(
          part => part.name === 'rx ring',
        )
        verify(ring?.length === 15, {
          seen: `with --ring-size 16, vnet show ${name}: ${ring === undefined ? 'no rx ring' : `rx ring with ${ring.length} buffers`}`,
          expected: 'rx ring with 15 buffers',
        })
      },
    },
    {
      title: 'goes down and up under pings, with frames in both rings',
      needs: ['ping', 'ip'],
      read: 'Take them back',
      run: live => verifyDownAndUp(live, ['--ring-size', '8', '--lag', '3'], 5),
    },
  ],
})

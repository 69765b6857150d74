// @ts-check

import {
  counts,
  defineExercise,
  udpFrame,
  verify,
  verifyDownAndUp,
  verifyNothingLost,
} from '@vnet/learn'
/** 23. The transmit ring: descriptors in memory that a card reads, too. */
import { devClose, devOpen } from 'vnet'
import { e1000Hw as e1000 } from 'vnet/drivers'

/** @typedef {import('@vnet/learn').TestBed} TestBed */
/** @typedef {import('vnet').NetDevice} NetDevice */
/**
 * @typedef {object} Priv
 * @property {import('vnet/drivers').MirrorSlot} slot
 * @property {import('vnet').Irq} irq
 * @property {{ desc: import('vnet/pci').CoherentMemory, nextToUse: number }} tx
 */

const RING = 8
/** Descriptors of a ring that can be in use. */
const USABLE = RING - 1
/** The card works inside of the driver's code. */
const AT_ONCE = -1
/** Bytes of the headers of Ethernet, IPv4 and UDP. */
const HEADERS = 42
const LAG = 5

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
 * The kernel transmits frames with these numbers, in one batch.
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
 * How many frames are mapped, so that the card may read them.
 * @param {TestBed} bed
 */
const mapped = bed => privOf(bed).slot.iommu.live - 1

/**
 * Something else than a frame interrupts: the link, which has not changed.
 * @param {TestBed} bed
 */
function interruptByLink(bed) {
  privOf(bed).slot.card.write32(e1000.E1000_ICS, e1000.E1000_ICR_LSC)
  bed.advance(0)
}

/**
 * Calls `look` before the card is reset.
 * @param {TestBed} bed
 * @param {() => void} look
 */
function beforeReset(bed, look) {
  const { slot } = privOf(bed)
  const write32 = slot.write32.bind(slot)
  slot.write32 = (offset, value) => {
    if (offset === e1000.E1000_CTRL && (value & e1000.E1000_CTRL_RST) !== 0) {
      look()
    }
    write32(offset, value)
  }
}

const MAPPED =
  'the address is from dmaMapSingle, and the frame stays mapped until DD is set in its descriptor'

export const exercise = defineExercise({
  version: 1,
  driver: 'tx.js',
  title: 'The transmit ring: memory that a card reads',
  summary: 'a ring of descriptors in memory that the card reads, too: DMA, doorbell, DD',
  kernelNames: [
    'dma_alloc_coherent',
    'dma_map_single',
    'dma_mapping_error',
    'dma_unmap_single',
    'dma_rmb',
    'writel',
    'napi_complete_done',
  ],
  params: { ringSize: RING, lag: 0, weak: false },
  kernelCard: { sendsOnly: true, ofModel: ['lag', 'weak'] },
  rules: [
    {
      seen: /^the log has: .*DMA Read NO_PASID/,
      expected: `no access of the card to memory that it was not given: ${MAPPED}`,
      read: 'A frame belongs to the card',
    },
    {
      seen: /failed to check map error/,
      expected: 'dmaMappingError(pdev, dma) after each dmaMapSingle',
      read: 'A frame belongs to the card',
    },
    {
      seen: /is mapped for DMA|use-after-hand-over/,
      expected: 'dmaUnmapSingle before anything else is done with the frame',
      read: 'A frame belongs to the card',
    },
    {
      seen: /frees DMA memory with different size/,
      expected: 'dmaUnmapSingle with the length of dmaMapSingle: keep it in tx.lengths',
      read: 'A frame belongs to the card',
    },
    {
      seen: /has pending DMA allocations/,
      expected: 'what open has allocated, close frees: dmaFreeCoherent(pdev, tx.desc)',
      read: 'Take it back',
    },
    {
      seen: /of coherent memory of/,
      expected: 'an index that starts again at 0 after the last descriptor',
      read: 'The ring',
    },
  ],
  memory: [
    {
      title: 'gives the card the address of its ring, and turns the transmitter on',
      read: 'The ring',
      run(bed) {
        const { slot, tx } = privOf(bed)
        const [base, length, control] = [
          e1000.E1000_TDBAL,
          e1000.E1000_TDLEN,
          e1000.E1000_TCTL,
        ].map(register => slot.card.read32(register))
        verify(base === tx.desc.dma, {
          seen: `TDBAL is ${base}, and the address of the ring ${tx.desc.dma}`,
          expected: 'tx.desc.dma, the address for the card',
        })
        verify(length === 16 * RING, {
          seen: `the ring has ${RING} descriptors of 16 bytes, and TDLEN is ${length}`,
          expected: `${16 * RING}: TDLEN is in bytes`,
        })
        verify(((control ?? 0) & e1000.E1000_TCTL_EN) !== 0, {
          seen: 'EN is not set in TCTL',
          expected: 'set, when the ring is complete: the transmitter is off after a reset',
        })
      },
    },
    {
      title: 'sends a frame, whole',
      read: 'A frame belongs to the card',
      run(bed) {
        bed.transmit(frame(bed, 1, 1000))
        verifyArrived(
          bed,
          'a frame of 1000 bytes',
          '1',
          'its descriptor has the address of dmaMapSingle, the length, and EOP, IFCS and RS; then TDT; the frame stays mapped until DD is set',
        )
        const { bytes } = bed.received[0] ?? { bytes: new Uint8Array() }
        verify(bytes.length === 1000 && bytes.at(-1) === 1, {
          seen: `a frame of 1000 bytes came back with ${bytes.length}, the last one ${bytes.at(-1)}`,
          expected: '1000, and 1: the length of the descriptor is skb.len',
        })
      },
    },
    {
      title: 'fills a descriptor before it moves the tail',
      read: 'The doorbell',
      params: { ringSize: RING, lag: AT_ONCE, weak: false },
      async run(bed, { another }) {
        transmit(bed, 1, 3)
        const why = 'the card may read the descriptor inside of writel, so write it first'
        verifyArrived(bed, 'the card works inside of writel', upTo(3), why)
        const weak = await another({ ringSize: RING, lag: AT_ONCE, weak: true })
        transmit(weak, 1, 3)
        verifyArrived(
          weak,
          'the CPU reorders stores, and the card works inside of writel',
          upTo(3),
          'writel comes after all earlier stores; writelRelaxed does not, without dmaWmb before it',
        )
      },
    },
    {
      title: 'keeps a frame until the card is done with it, and no longer',
      read: 'A frame belongs to the card',
      params: { ringSize: RING, lag: LAG, weak: false },
      run(bed) {
        transmit(bed, 1, 2)
        const { held } = bed.balance()
        verify(held === 2, {
          seen: `the card takes ${LAG} ms; after 2 frames the driver has ${held}${fault(bed)}`,
          expected: `2: ${MAPPED}`,
        })
        bed.advance(LAG)
        verifyArrived(bed, `${LAG} ms later`, upTo(2), MAPPED)
        const { held: left } = bed.balance()
        verify(left === 0, {
          seen: `the card has sent 2 frames, and the driver still has ${left}`,
          expected:
            'none: with RS in its command, a descriptor that is done has DD, and TXDW interrupts; after each poll, IMS lets it interrupt again',
          read: 'Clean up',
        })
      },
    },
    {
      title: 'starts again at the first descriptor after the last',
      read: 'The ring',
      run(bed) {
        for (let n = 1; n <= 3 * RING; n++) {
          transmit(bed, n, n)
        }
        verifyArrived(
          bed,
          `${3 * RING} frames, one by one`,
          upTo(3 * RING),
          'an index starts again at 0 after the last descriptor',
        )
      },
    },
    {
      title: 'looks at DD, because anything may interrupt',
      read: 'Clean up',
      params: { ringSize: RING, lag: LAG, weak: false },
      run(bed) {
        for (let n = 1; n <= 2 * RING; n++) {
          transmit(bed, n, n)
          interruptByLink(bed)
          const { held } = bed.balance()
          verify(held === 1, {
            seen: `frame ${n} is in the ring, the link has interrupted, and the driver has ${held} frames${fault(bed)}`,
            expected: `1: DD is not set yet; clear what the last lap has left in it`,
          })
          bed.advance(LAG)
        }
        verifyArrived(bed, 'an interrupt of the link before each is sent', upTo(2 * RING), MAPPED)
      },
    },
    {
      title: 'stops the queue with the last descriptor, and wakes it when there is room',
      read: 'Stop and wake',
      params: { ringSize: RING, lag: LAG, weak: false },
      run(bed) {
        transmit(bed, 1, 20)
        const [queue] = bed.dev.tx
        verify(queue?.stopped === true && mapped(bed) === USABLE, {
          seen: `20 frames for a ring of ${RING}: the queue is ${queue?.stopped ? 'stopped' : 'running'}, and ${mapped(bed)} frames are mapped${fault(bed)}`,
          expected: `stopped with frame ${USABLE}, which leaves no descriptor: the others wait in the kernel`,
        })
        interruptByLink(bed)
        verify(queue?.stopped === true && mapped(bed) === USABLE, {
          seen: 'the ring is full, the link has interrupted, and the queue runs',
          expected: 'stopped: wake it only if descriptors are free',
        })
        bed.advance(10 * LAG)
        verifyArrived(bed, '20 frames', upTo(20), 'cleanTxIrq wakes the queue')
      },
    },
    {
      title: 'drops a frame that cannot be mapped, and continues',
      read: 'A frame belongs to the card',
      run(bed) {
        const { iommu } = privOf(bed).slot
        iommu.mapsUntilError = 0
        transmit(bed, 1, 3)
        iommu.mapsUntilError = 1
        transmit(bed, 4, 6)
        const dropped = counts(bed.drops())
        verify(arrived(bed) === '2 3 4 6' && dropped === 'NOMEM 2', {
          seen: `frames 1 and 5 of 6 could not be mapped: ${arrived(bed)} came back; dropped: ${dropped}${fault(bed)}`,
          expected: '2 3 4 6, and NOMEM 2: no descriptor is used, and the queue runs',
        })
      },
    },
    {
      title: 'stops the card before it takes its frames back',
      read: 'Take it back',
      params: { ringSize: RING, lag: LAG, weak: false },
      async run(bed) {
        const { iommu } = privOf(bed).slot
        transmit(bed, 1, 3)
        const { live } = iommu
        let atReset = 0
        beforeReset(bed, () => {
          atReset = iommu.live
        })
        await devClose(bed.dev)
        bed.advance(2 * LAG)
        verify(atReset > 0, {
          seen: `the interface is down, and the card was not reset${fault(bed)}`,
          expected: 'resetHw in close: until then the card reads its ring, and the frames',
        })
        verify(atReset === live, {
          seen: `of ${live} mappings, ${live - atReset} were unmapped or freed before the card was reset`,
          expected: 'none: the card may still read them',
        })
        const dropped = counts(bed.drops())
        verify(bed.balance().held === 0 && dropped === 'DEV_STOPPED 3', {
          seen: `down with 3 frames in the ring: dropped: ${dropped}; the driver has ${bed.balance().held}`,
          expected: 'DEV_STOPPED 3, and none: cleanTxRing unmaps and drops each',
        })
        await devOpen(bed.dev)
        bed.advance(1)
        transmit(bed, 4, 5)
        bed.advance(LAG)
        verifyArrived(bed, 'down and up again, then frames 4 and 5', '4 5', 'a new ring, from 0')
      },
    },
  ],
  live: [
    {
      title: 'pings pass a ring of 8',
      needs: ['ping', 'ip'],
      read: 'Stop and wake',
      run: live =>
        verifyNothingLost(live, ['--ring-size', '8', '--lag', '1'], {
          count: 400,
          because: 'the queue stops when the ring is full, and loses nothing',
        }),
    },
    {
      title: 'vnet show prints the ring',
      notInKernel: 'no virtual machine runs vnet show',
      read: 'See it live',
      async run(live) {
        const running = await live.vnet('--ring-size', '16')
        const [name = 'tx0'] = running.interfaces
        const { stdout } = await live.run('vnet', 'show', name, '--json')
        const { parts = [] } = JSON.parse(stdout || '{}')
        const ring = /** @type {{ name: string, capacity: number }[]} */ (parts).find(
          part => part.name === 'tx ring',
        )
        verify(ring?.capacity === 16, {
          seen: `with --ring-size 16, vnet show ${name}: ${ring === undefined ? 'no tx ring' : `tx ring of ${ring.capacity}`}`,
          expected: 'tx ring of 16',
        })
      },
    },
    {
      title: 'goes down and up under pings, with frames in the ring',
      needs: ['ping', 'ip'],
      read: 'Take it back',
      run: live => verifyDownAndUp(live, ['--ring-size', '8', '--lag', '3'], 5),
    },
  ],
})

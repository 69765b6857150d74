// @ts-check

import { counts, defineExercise, numberOf, udpFrame, verify } from '@vnet/learn'
/** 25. Trouble: a card that hangs, and one that is pulled out. */
import { devClose } from 'vnet'
import { e1000Hw as e1000 } from 'vnet/drivers'

/** @typedef {import('@vnet/learn').TestBed} TestBed */
/** @typedef {import('vnet').NetDevice} NetDevice */
/**
 * @typedef {object} Priv
 * @property {import('vnet/drivers').MirrorSlot} slot
 * @property {import('vnet').Irq} irq
 */

const RING = 8
/** Descriptors of a ring that can be in use. */
const USABLE = RING - 1
/** Bytes of the headers of Ethernet, IPv4 and UDP. */
const HEADERS = 42
const LAG = 5
/** The watchdog's period in milliseconds; a hang takes at most two to be noticed. */
const WATCHDOG = 2000
/** Reads of registers after which a driver does not give up any more. */
const READS_MAX = 100_000
const USUAL = { ringSize: RING, lag: 0, weak: false }
/** Lines that a driver logs here. */
const TROUBLE = /Tx Unit Hang|card was removed/

/** @param {TestBed} bed */
const privOf = bed => /** @type {Priv} */ (bed.dev.priv)

/**
 * The kernel transmits frames with these numbers, in one batch, and the mirror sends them back.
 * @param {TestBed} bed
 * @param {number} first
 * @param {number} last
 */
function transmit(bed, first, last) {
  for (let n = first; n <= last; n++) {
    const frame = udpFrame({
      from: '198.18.0.1',
      to: '198.18.0.9',
      sourceMac: bed.dev.devAddr,
      destinationMac: bed.dev.devAddr,
      payload: new Uint8Array(18).fill(n),
    })
    bed.port().transmit(frame)
  }
  bed.advance(0)
}

/** @param {TestBed} bed */
const arrived = bed => bed.received.map(({ bytes }) => bytes[HEADERS]).join(' ') || 'none'

/**
 * @param {number} last
 * @param {number} first
 */
const upTo = (last, first = 1) =>
  Array.from({ length: last - first + 1 }, (_, i) => first + i).join(' ')

/**
 * @param {TestBed} bed
 * @param {string} what
 * @param {string} expected
 * @param {string} why
 */
function verifyArrived(bed, what, expected, why) {
  const queue = bed.dev.tx[0]?.stopped === true ? 'stopped' : 'running'
  verify(arrived(bed) === expected, {
    seen: `${what}: frames ${arrived(bed)} came back; dropped: ${counts(bed.drops())}; the queue is ${queue}`,
    expected: `${expected}: ${why}`,
  })
}

/**
 * @param {TestBed} bed
 * @param {number} expected
 * @param {string} what
 * @param {string} why
 */
function verifyErrors(bed, expected, what, why) {
  const { txErrors } = bed.stats()
  verify(txErrors === expected, {
    seen: `${what}: tx_errors is ${txErrors}`,
    expected: `${expected}: ${why}`,
  })
}

/**
 * @param {TestBed} bed
 * @param {string} fault
 */
const trigger = (bed, fault) => privOf(bed).slot.trigger(fault)

/**
 * Calls the driver's txTimeout, as the kernel's watchdog does.
 * @param {TestBed} bed
 */
function timeOut(bed) {
  const dev = /** @type {NetDevice} */ (bed.dev)
  dev.netdevOps.ndoTxTimeout?.(dev, 0)
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

/**
 * Ends a driver that reads registers for ever.
 * @param {TestBed} bed
 */
function limitReads(bed) {
  const { pdev } = privOf(bed).slot
  const read32 = pdev.read32.bind(pdev)
  let left = READS_MAX
  pdev.read32 = offset => {
    if (--left < 0) throw new Error(`a register is read for ever, ${READS_MAX} times so far`)
    return read32(offset)
  }
}

export const exercise = defineExercise({
  version: 1,
  driver: 'trouble.js',
  title: 'Trouble: a card that hangs or is pulled out',
  summary:
    'a reset that loses nothing silently, a doorbell that was not heard, a card that was removed',
  kernelNames: [
    'ndo_tx_timeout',
    'watchdog_timeo',
    'mod_timer',
    'netif_wake_queue',
    'pci_device_is_present',
    'readl',
  ],
  params: USUAL,
  rules: [
    {
      seen: /timers still run after the end/,
      expected: 'none: watchdog.cancel() in close',
      read: 'The watchdog',
    },
    {
      seen: /is read for ever/,
      expected:
        'no loop that waits for a register without a limit: a card that hangs never changes it, one that was removed has all ones',
      read: 'A card that was removed',
    },
  ],
  memory: [
    {
      title: 'resets a card that hangs, and loses only what was in its ring',
      read: 'Reset',
      async run(bed, { another }) {
        limitReads(bed)
        trigger(bed, 'hang')
        transmit(bed, 1, 20)
        timeOut(bed)
        const what = 'the card hung with a full ring, then ndoTxTimeout'
        verifyArrived(
          bed,
          what,
          upTo(20, USABLE + 1),
          'reinit in txTimeout: down and up; then the queue is woken, because frames wait in it',
        )
        const dropped = counts(bed.drops())
        verify(dropped === `DEV_STOPPED ${USABLE}`, {
          seen: `${what}: dropped: ${dropped}`,
          expected: `DEV_STOPPED ${USABLE}: the frames of the ring, which down takes back`,
        })
        verifyErrors(bed, 1, what, 'dev.counters.count(queue, TX_ERRORS), once for each timeout')
        const other = await another()
        trigger(other, 'hang')
        limitReads(other)
        transmit(other, 1, 3)
        const { iommu } = privOf(other).slot
        const { live } = iommu
        let atReset = live
        beforeReset(other, () => {
          atReset = iommu.live
        })
        timeOut(other)
        verify(atReset === live, {
          seen: `${live - atReset} frames were unmapped before the card was reset`,
          expected: 'none: until the reset the card may read and write them',
        })
      },
    },
    {
      title: 'notices by itself that a doorbell was not heard',
      read: 'The watchdog',
      allow: TROUBLE,
      run(bed) {
        trigger(bed, 'doorbell')
        transmit(bed, 1, 1)
        bed.advance(2 * WATCHDOG + 10)
        verifyErrors(
          bed,
          1,
          `a frame waited for ${2 * WATCHDOG} ms in a ring that is not full`,
          'the watchdog calls txTimeout: the queue is not stopped, so the kernel does not',
        )
        transmit(bed, 2, 4)
        verifyArrived(bed, 'the first frame was lost, then frames 2 to 4', '2 3 4', 'as before')
        trigger(bed, 'hang')
        transmit(bed, 5, 5)
        bed.advance(2 * WATCHDOG + 10)
        verifyErrors(bed, 2, 'a second hang', 'the watchdog looks again every 2 s')
      },
    },
    {
      title: 'leaves a card alone that works, or has nothing to do',
      read: 'The watchdog',
      allow: TROUBLE,
      params: { ...USUAL, lag: LAG },
      async run(bed, { another }) {
        bed.advance(5 * WATCHDOG)
        verifyErrors(bed, 0, '10 s without a frame', 'a ring that is empty does not hang')
        // Shortly before the watchdog looks, and after it has, so that a frame waits each time.
        const other = await another({ ...USUAL, lag: LAG })
        for (let n = 1; n <= 5; n++) {
          other.advance(WATCHDOG - 2)
          transmit(other, n, n)
          other.advance(2)
        }
        other.advance(LAG)
        verifyErrors(
          other,
          0,
          'each time that the watchdog looked, a frame was 2 ms in the ring',
          'it hangs only if none was sent since the watchdog looked last, and one waited then',
        )
        const rare = await another({ ...USUAL, lag: LAG })
        rare.advance(2 * WATCHDOG - 2)
        transmit(rare, 1, 1)
        rare.advance(LAG)
        verifyErrors(
          rare,
          0,
          'after 4 s without a frame, one was 2 ms in the ring when the watchdog looked',
          'no frame waited when it looked last',
        )
        const first = await another({ ...USUAL, lag: LAG })
        trigger(bed, 'hang')
        transmit(bed, 1, 1)
        bed.advance(WATCHDOG + 10)
        first.advance(WATCHDOG - 2)
        transmit(first, 1, 1)
        first.advance(LAG)
        for (const each of [bed, first]) {
          verifyErrors(
            each,
            0,
            'two cards, with a frame each in the ring, at which the watchdog looked once',
            'it looks twice; cleaned and cleanedBefore are in dev.priv, because a variable of the module is shared by all cards',
          )
        }
      },
    },
    {
      title: 'returns IRQ_NONE when the card was removed',
      read: 'A card that was removed',
      allow: TROUBLE,
      run(bed) {
        const { irq } = privOf(bed)
        trigger(bed, 'removal')
        const before = irq.spurious
        irq.raise(0)
        bed.advance(0)
        verify(irq.spurious === before + 1, {
          seen: 'ICR is 0xffffffff, and the handler returned IRQ_HANDLED',
          expected: 'IRQ_NONE: all ones are not causes, but what a read without a reply returns',
        })
      },
    },
    {
      title: 'gives up a card that was pulled out',
      read: 'A card that was removed',
      allow: TROUBLE,
      params: { ...USUAL, lag: LAG },
      async run(bed, { another }) {
        transmit(bed, 1, 3)
        trigger(bed, 'removal')
        limitReads(bed)
        bed.advance(2 * WATCHDOG + 10)
        const dropped = counts(bed.drops())
        const state = `the carrier is ${bed.dev.carrier ? 'on' : 'off'}, the queue ${bed.dev.tx[0]?.stopped === true ? 'stopped' : 'running'}; dropped: ${dropped}`
        verify(!bed.dev.carrier && bed.dev.tx[0]?.stopped === true && dropped === 'DEV_STOPPED 3', {
          seen: `4 s after the card was pulled out with 3 frames in its ring: ${state}`,
          expected: 'off, stopped, and DEV_STOPPED 3: down, and no up',
        })
        const { length } = bed.log
        bed.advance(10 * WATCHDOG)
        const more = bed.log.slice(length).filter(line => TROUBLE.test(line))
        verify(more.length === 0, {
          seen: `20 s later, the log has ${more.length} more lines, such as: ${more[0]}`,
          expected: 'none: the watchdog ends with the card',
        })
        const { txErrors } = bed.stats()
        verify(txErrors === 0, {
          seen: `a card that was removed has ${txErrors} timeouts`,
          expected: 'none: pciDeviceIsPresent first',
        })
        await devClose(bed.dev)
        const idle = await another()
        trigger(idle, 'removal')
        idle.advance(2 * WATCHDOG + 10)
        verify(!idle.dev.carrier, {
          seen: '4 s after a card without frames was pulled out, the carrier is on',
          expected: 'off: the watchdog asks pciDeviceIsPresent each time',
        })
      },
    },
  ],
  live: [
    {
      title: 'ping gets replies after each fault, and the errors are counted',
      needs: ['ping'],
      allow: /Tx Unit Hang|DMAR/,
      read: 'See it live',
      async run({ vnet, run }) {
        const [name = 'card0'] = (await vnet('--ring-size', '8')).interfaces
        for (const fault of ['spurious', 'doorbell', 'dma-error', 'hang', 'unplug']) {
          await run('vnet', 'trigger', name, fault)
          const { stdout } = await run('ping', '-c', '2', '-i', '0.2', '-w', '20', '198.18.0.9')
          const replies = numberOf(/ (\d+) received/, stdout) ?? 0
          verify(replies >= 2, {
            seen: `vnet trigger ${name} ${fault}, then ping for 20 s: ${replies} replies`,
            expected: '2: the watchdog resets a card that hangs within 4 s',
          })
        }
        const { stdout } = await run('vnet', 'stats', name)
        const errors = numberOf(/tx_errors +(\d+)/, stdout) ?? 0
        verify(errors > 0, {
          seen: `vnet stats ${name}: tx_errors ${errors}`,
          expected: 'one for each reset',
        })
      },
    },
  ],
})

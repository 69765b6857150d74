// @ts-check

import { beforeCall, counts, defineExercise, numberOf, udpFrame, verify } from '@vnet/learn'
/** 6. The watchdog: a queue that never wakes. */
import { devClose, devOpen } from 'vnet'

/** @typedef {import('vnet').Ring} Ring */
/** @typedef {import('@vnet/learn').TestBed} TestBed */

const DELAY = 5
const SLOTS = 4
const TIMEOUT = 50
const PARAMS = { delay: DELAY, slots: SLOTS, timeout: TIMEOUT }
/** The framework warns each time that the watchdog finds a queue. */
const WATCHDOG = /NETDEV WATCHDOG/

/** @typedef {{ timeouts: number, board: { tx: Ring; hangs: boolean; kick: () => void } }} Priv */

/**
 * @param {TestBed} bed
 * @returns {Priv}
 */
const privOf = bed => /** @type {Priv} */ (bed.dev.priv)

/**
 * The kernel transmits frames in one batch.
 * @param {TestBed} bed
 * @param {number} n
 */
function transmit(bed, n) {
  for (let i = 0; i < n; i++) {
    bed.port().transmit(udpFrame({ from: '198.18.0.1', to: '198.18.0.9' }))
  }
  bed.advance(0)
}

/**
 * Fills the tx ring of a board that hangs, and lets the time of the watchdog pass.
 * @param {TestBed} bed
 */
function hang(bed, frames = SLOTS) {
  transmit(bed, frames)
  bed.advance(`${DELAY}ms`)
  bed.params.lockup = 0
  bed.advance(`${TIMEOUT - DELAY}ms`)
}

const HANG = `the board hung with ${SLOTS} frames in its ring; after ${TIMEOUT} ms`

export const exercise = defineExercise({
  version: 1,
  driver: 'timeout.js',
  title: 'The watchdog: a queue that never wakes',
  summary: 'a watchdog for a card that hangs, and what is lost then',
  kernelNames: [
    'watchdog_timeo',
    'ndo_tx_timeout',
    'dev_watchdog',
    'netif_tx_wake_queue',
    'tx_aborted_errors',
  ],
  params: { ...PARAMS, lockup: 1 },
  memory: [
    {
      title: 'is called when a queue was stopped for the timeout, and not before',
      allow: WATCHDOG,
      read: 'The watchdog',
      async run(bed, { another }) {
        transmit(bed, SLOTS)
        bed.advance(`${TIMEOUT - 1}ms`)
        verify(privOf(bed).timeouts === 0, {
          seen: `with --timeout ${TIMEOUT}, ndoTxTimeout was called after less than ${TIMEOUT} ms`,
          expected: `after ${TIMEOUT} ms: dev.watchdogTimeo is in ms`,
        })
        bed.advance('1ms')
        verify(privOf(bed).timeouts === 1, {
          seen: `a queue was stopped for ${TIMEOUT} ms, dev.watchdogTimeo is ${bed.dev.watchdogTimeo}; ndoTxTimeout was called ${privOf(bed).timeouts} times`,
          expected: `1: dev.watchdogTimeo is --timeout, ${TIMEOUT}, in ms, set in setup; ndoTxTimeout is in dev.netdevOps`,
        })
        const { dev } = await another({ ...PARAMS, timeout: 2 * TIMEOUT })
        verify(dev.watchdogTimeo === 2 * TIMEOUT, {
          seen: `with --timeout ${2 * TIMEOUT}, dev.watchdogTimeo is ${dev.watchdogTimeo}`,
          expected: `${2 * TIMEOUT}: dev.priv.params.timeout`,
        })
      },
    },
    {
      title: 'is not called while the board works',
      read: 'The watchdog',
      params: PARAMS,
      async run(bed, { another }) {
        for (let i = 0; i < 20; i++) {
          transmit(bed, SLOTS)
          bed.advance(`${2 * DELAY}ms`)
        }
        const { timeouts } = privOf(bed)
        verify(timeouts === 0 && bed.received.length === 20 * SLOTS, {
          seen: `with a board that works, ${bed.received.length} of ${20 * SLOTS} frames came back, with ${timeouts} timeouts`,
          expected: `${20 * SLOTS}, with none`,
        })
        await another(PARAMS)
        transmit(bed, 1)
        bed.advance(`${DELAY}ms`)
        verify(bed.received.length === 20 * SLOTS + 1, {
          seen: 'another device of this driver was made, and a frame of this one did not come back',
          expected:
            'the frame: the board is in dev.priv; a variable of the module is shared by all devices',
        })
      },
    },
    {
      title: 'resets the board',
      allow: WATCHDOG,
      read: 'Repair',
      run(bed) {
        const { board } = privOf(bed)
        let kicked = 0
        beforeCall(board, 'kick', () => {
          if (board.hangs || privOf(bed).timeouts === 1) {
            kicked = board.tx.length
          }
        })
        hang(bed)
        verify(!board.hangs, {
          seen: `${HANG} it still hangs`,
          expected: 'a board that works: board.reset() in ndoTxTimeout',
        })
        verify(kicked === 0, {
          seen: `${HANG} the board was kicked with ${kicked} frames in its ring, which were dropped after that`,
          expected: 'no kick before the ring is empty: a card that works sends what it finds there',
        })
      },
    },
    {
      title: 'drops what was in the ring, once, as TX_ABORTED',
      allow: WATCHDOG,
      read: 'What is lost',
      run(bed) {
        hang(bed)
        const { held } = bed.balance()
        verify(held === 0, {
          seen: `${HANG} the driver still has ${held} frames; ${bed.received.length} came back`,
          expected:
            'none: purge the tx ring, because it is unknown which of them the card has sent',
        })
        const drops = bed.drops()
        verify(drops.TX_ABORTED === SLOTS, {
          seen: `${HANG} dropped: ${counts(drops)}`,
          expected: `TX_ABORTED ${SLOTS}`,
        })
        const { txErrors, txAbortedErrors } = bed.stats()
        verify(txErrors === SLOTS && txAbortedErrors === SLOTS, {
          seen: `${HANG} tx_errors is ${txErrors}, tx_aborted_errors is ${txAbortedErrors}`,
          expected: `${SLOTS} and ${SLOTS}: the reason counts both, so count nothing else`,
        })
      },
    },
    {
      title: 'wakes the queue',
      allow: WATCHDOG,
      read: 'Repair',
      run(bed) {
        hang(bed, SLOTS + 2)
        bed.advance(`${2 * DELAY}ms`)
        const stopped = bed.dev.tx[0]?.stopped ? '; the queue is still stopped' : ''
        verify(bed.received.length === 2, {
          seen: `${HANG} and the reset, ${bed.received.length} of 2 frames came back that had waited${stopped}; dropped: ${counts(bed.drops())}`,
          expected: '2: reset the board and empty the ring, then wake the queue',
        })
        bed.advance('1s')
        verify(privOf(bed).timeouts === 1, {
          seen: `one lockup, and ndoTxTimeout was called ${privOf(bed).timeouts} times`,
          expected: '1',
        })
      },
    },
    {
      title: 'survives one lockup after another',
      allow: WATCHDOG,
      read: 'Repair',
      params: { ...PARAMS, slots: 1, lockup: 3 },
      run(bed) {
        transmit(bed, 30)
        bed.advance('10s')
        const { timeouts } = privOf(bed)
        verify(timeouts === 10 && bed.received.length === 20, {
          seen: `30 frames one by one, of which the board loses every third: ${bed.received.length} came back, with ${timeouts} timeouts`,
          expected: '20, with 10',
        })
      },
    },
    {
      title: 'goes down while the board hangs, and works again when it is up',
      allow: WATCHDOG,
      read: 'Repair',
      async run(bed) {
        transmit(bed, SLOTS)
        bed.advance(`${DELAY}ms`)
        bed.params.lockup = 0
        await devClose(bed.dev)
        await devOpen(bed.dev)
        transmit(bed, 1)
        bed.advance(`${DELAY}ms`)
        const { length } = bed.received
        verify(length === 1 && privOf(bed).timeouts === 0, {
          seen: `down and up again while the board hung, then a frame: ${length} came back; ${privOf(bed).timeouts} timeouts`,
          expected: '1 and none',
        })
      },
    },
  ],
  live: [
    {
      title: 'pings continue after lockups, and vnet stats shows the errors',
      needs: ['ping'],
      allow: WATCHDOG,
      read: 'See it live',
      async run({ vnet, run }) {
        const running = await vnet('--slots', '1', '--lockup', '10', '--timeout', '50')
        const [name = 'watch0'] = running.interfaces
        const lossy = await run('ping', '-q', '-c', '30', '-i', '0.02', '-W', '10', '198.18.0.9')
        const received = numberOf(/ (\d+) received/, lossy.stdout) ?? 0
        verify(received > 0 && received < 30, {
          seen: `with --slots 1 --lockup 10, ${received} of 30 pings got a reply`,
          expected: 'some, and not all',
        })
        const { stdout } = await run('vnet', 'stats', name)
        const errors = numberOf(/tx_aborted_errors +(\d+)/, stdout)
        verify(errors !== undefined && errors > 0, {
          seen: `vnet stats ${name}: tx_aborted_errors ${errors}`,
          expected: 'one for each frame that a lockup took',
          read: 'What is lost',
        })
        await run('vnet', 'param', name, 'lockup=0')
        const { stdout: after } = await run(
          'ping',
          '-q',
          '-c',
          '10',
          '-i',
          '0.2',
          '-w',
          '20',
          '198.18.0.9',
        )
        const last = numberOf(/ (\d+) received/, after)
        verify(last === 10, { seen: `after the lockups, ${last} of 10 replies`, expected: '10' })
      },
    },
  ],
})

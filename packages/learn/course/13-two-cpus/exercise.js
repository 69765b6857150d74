// @ts-check

import {
  counts,
  defineExercise,
  numberOf,
  udpFrame,
  verify,
  verifyDownAndUp,
  verifyNothingLost,
} from '@vnet/learn'
/** 13. Two CPUs: locks, barriers, and a timer that runs while it is deleted. */
import { devClose, devOpen } from 'vnet'

/** @typedef {import('@vnet/learn').TestBed} TestBed */
/** @typedef {{ ring: unknown[], isStopped: boolean }} Memory */
/**
 * @typedef {object} Machine
 * @property {string[]} trace
 * @property {unknown} running
 * @property {Memory} memory
 * @property {(n: number) => void} seed
 */

const DELAY = 5
const SLOTS = 2
const PARAMS = { delay: DELAY, slots: SLOTS, seed: 1 }
/** How many orders of the two CPUs each check tries. */
const SEEDS = 40
/** Steps that an explanation shows. */
const SHOWN = 14

/**
 * @param {TestBed} bed
 * @returns {Machine}
 */
const machineOf = bed => /** @type {{ machine: Machine }} */ (bed.dev.priv).machine

/**
 * @param {TestBed} bed
 * @param {number} n
 */
function transmit(bed, n, first = 1) {
  for (let i = 0; i < n; i++) {
    bed.transmit(
      udpFrame({ from: '198.18.0.1', to: '198.18.0.9', payload: Uint8Array.of(first + i) }),
    )
  }
}

/**
 * The numbers of the returned frames of this seed.
 * @param {TestBed} bed
 * @returns {string}
 */
const numbers = (bed, before = 0) =>
  bed.received
    .slice(before)
    .map(({ bytes }) => bytes[42])
    .join(', ') || 'none'

/**
 * Calls `run` with each seed, and the number of frames that came back before.
 * @param {TestBed} bed
 * @param {(seed: number, before: number, machine: Machine) => Promise<void> | void} run
 */
async function withSeeds(bed, run) {
  const machine = machineOf(bed)
  for (let seed = 1; seed <= SEEDS; seed++) {
    machine.seed(seed)
    await run(seed, bed.received.length, machine)
  }
}

/**
 * @param {number} n
 * @returns {string}
 */
const upTo = n => Array.from({ length: n }, (_, i) => i + 1).join(', ')

/**
 * The last steps of the two CPUs.
 * @param {TestBed} bed
 * @returns {string}
 */
const stepsOf = bed => machineOf(bed).trace.slice(-SHOWN).join('; ')

export const exercise = defineExercise({
  version: 1,
  driver: 'cpus.js',
  title: 'Two CPUs: a lock, a barrier, and a timer that runs',
  summary: 'two CPUs: a lock, a barrier, and a timer that is deleted while it runs',
  kernelNames: [
    'spin_lock',
    'spin_unlock',
    'spin_lock_bh',
    'smp_mb',
    'READ_ONCE',
    'mod_timer',
    'del_timer',
    'del_timer_sync',
  ],
  params: PARAMS,
  rules: [
    {
      seen: /soft lockup/,
      expected:
        'each CPU goes on: a lock is released, and nothing waits for what waits for its lock',
      read: 'The lock',
    },
  ],
  memory: [
    {
      title: 'gives frames back after the delay of the first',
      read: 'What to do',
      params: { ...PARAMS, delay: 50 },
      run(bed) {
        transmit(bed, 1)
        bed.advance(30)
        transmit(bed, 1, 2)
        bed.advance(19)
        const early = numbers(bed)
        // CPU 1 takes a while, too.
        bed.advance(20)
        verify(early === 'none' && numbers(bed) === '1, 2', {
          seen: `with --delay 50, frames 1 and 2 were sent at 0 and 30 ms; at 49 ms these were back: ${early}, at 69 ms: ${numbers(bed)}; dropped: ${counts(bed.drops())}`,
          expected:
            'none, then 1, 2: the first frame of an empty ring arms the timer, later ones do not move it',
        })
      },
    },
    {
      title: 'loses no frame, and hands none over twice, in whatever order the CPUs run',
      read: 'The lock',
      params: { ...PARAMS, slots: 64 },
      async run(bed, { another }) {
        await withSeeds(bed, (seed, before) => {
          transmit(bed, 1)
          bed.advance(DELAY)
          transmit(bed, 1, 2)
          bed.advance(4 * DELAY)
          const back = numbers(bed, before)
          verify(back === '1, 2', {
            seen: `with --seed ${seed}, frame 2 was sent while the timer's function took frame 1; back came: ${back}; ${stepsOf(bed)}`,
            expected: '1, 2: what a CPU reads, changes and writes is under the lock, on both CPUs',
          })
        })
        const other = await another()
        const before = bed.received.length
        transmit(other, 1)
        transmit(bed, 1)
        bed.advance(4 * DELAY)
        verify(numbers(bed, before) === '1', {
          seen: `while another device had a frame in its ring, one of this device did not come back; ${stepsOf(bed)}`,
          expected:
            'the frame: cpu.read and cpu.write are of one device; a variable of the module is shared by all devices',
        })
        other.advance(4 * DELAY)
      },
    },
    {
      title: 'wakes the queue each time that it was stopped, in whatever order the CPUs run',
      read: 'The barrier',
      async run(bed) {
        transmit(bed, 3 * SLOTS)
        const { length } = machineOf(bed).memory.ring
        verify(length === SLOTS, {
          seen: `with --slots ${SLOTS}, ${3 * SLOTS} frames were sent, and ${length} are in the ring`,
          expected: `the queue is stopped when the ring has ${SLOTS}`,
          read: 'What to do',
        })
        bed.advance(9 * SLOTS * DELAY)
        const n = 4
        await withSeeds(bed, (seed, before, machine) => {
          const given = `with --seed ${seed} and --slots ${SLOTS}`
          transmit(bed, 1)
          bed.advance(DELAY)
          transmit(bed, n - 1, 2)
          bed.advance(3 * n * DELAY)
          const back = numbers(bed, before)
          const state = machine.memory.isStopped ? 'stopped' : 'not stopped'
          verify(back === upTo(n), {
            seen: `${given}, of ${n} frames came back: ${back}; the queue is ${state}, the ring has ${machine.memory.ring.length}; ${stepsOf(bed)}`,
            expected:
              'all: each CPU writes, then has a barrier, and then looks at what the other one writes',
          })
        })
      },
    },
    {
      title: "waits for the timer's function when the interface goes down",
      read: 'Delete a timer',
      async run(bed) {
        await withSeeds(bed, async (seed, _, machine) => {
          transmit(bed, SLOTS)
          bed.advance(DELAY)
          await devClose(bed.dev)
          verify(machine.running === undefined, {
            seen: `with --seed ${seed}, ndoStop had returned, and the timer's function was still running on CPU 1; ${stepsOf(bed)}`,
            expected: 'it has ended: yield* cpu.deleteTimerSync()',
          })
          await devOpen(bed.dev)
        })
      },
    },
    {
      title: 'drops the frames in the ring, and the timer does not expire later',
      read: 'Delete a timer',
      async run(bed) {
        const { armed } = bed.clock
        transmit(bed, SLOTS)
        await devClose(bed.dev)
        const { DEV_STOPPED = 0 } = bed.drops()
        verify(DEV_STOPPED === SLOTS && machineOf(bed).memory.ring.length === 0, {
          seen: `the interface went down with ${SLOTS} frames in the ring, which has ${machineOf(bed).memory.ring.length} now; dropped: ${counts(bed.drops())}`,
          expected: `DEV_STOPPED ${SLOTS}, and an empty ring`,
        })
        verify(bed.clock.armed <= armed, {
          seen: 'after ndoStop the timer is still armed',
          expected: 'it is deleted: yield* cpu.deleteTimerSync()',
        })
      },
    },
    {
      title: 'works again when the interface comes up again',
      read: 'Delete a timer',
      async run(bed) {
        await withSeeds(bed, async seed => {
          transmit(bed, SLOTS)
          bed.advance(DELAY)
          await devClose(bed.dev)
          const before = bed.received.length
          await devOpen(bed.dev)
          transmit(bed, SLOTS + 1, 7)
          bed.advance(6 * DELAY)
          const back = numbers(bed, before)
          verify(back === '7, 8, 9', {
            seen: `with --seed ${seed}, down and up again, then frames 7, 8, 9; back came: ${back}; ${stepsOf(bed)}`,
            expected: '7, 8, 9: the timer is armed again, and the lock is free',
          })
        })
      },
    },
  ],
  live: [
    {
      title: 'pings lose nothing while the queue is stopped and woken',
      needs: ['ping', 'ip'],
      read: 'See it live',
      run: live =>
        verifyNothingLost(live, ['--delay', '1', '--slots', '2'], { count: 100, interval: '0.01' }),
    },
    {
      title: "a ping takes CPU 1's steps twice",
      notInKernel: "the kernel's CPUs do not run in steps",
      needs: ['ping'],
      read: 'What to do',
      async run({ vnet, run }) {
        await vnet('--delay', '1', '--pace', '30000')
        const { stdout } = await run('ping', '-c', '1', '-W', '10', '198.18.0.9')
        const fastest = numberOf(/min\/avg\/max\/mdev = ([\d.]+)/, stdout)
        verify(fastest !== undefined && fastest >= 62, {
          seen:
            fastest === undefined
              ? 'ping got no reply'
              : `with --delay 1 --pace 30000, ping took ${fastest} ms`,
          expected:
            '62 ms or more: request and reply each wait 1 ms, and CPU 1 takes a step of 30 ms with each',
        })
      },
    },
    {
      title: 'goes down and up under pings, ten times, and replies afterwards',
      needs: ['ping', 'ip'],
      read: 'Delete a timer',
      run: live => verifyDownAndUp(live, ['--delay', '1', '--slots', '2'], 10),
    },
  ],
})

/**
 * Mistakes that drivers of a card with rings and DMA make: each is one of an exercise. The tests of
 * that exercise show which check finds it.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Mistake } from '../src/exercise.ts'
import { COURSE } from '../src/folder.ts'

/** By exercise: the mistake, and its name there. */
const MISTAKES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  '22-registers': {
    'the card is not bus master': 'no-set-master',
    'LSC is not in IMS': 'no-lsc-in-ims',
    'LSC is ignored': 'lsc-ignored',
    'ICR is not read': 'icr-not-read',
    'the handler claims an interrupt of another card': 'handles-zero',
    'the handler claims an interrupt of a card that was removed': 'handles-all-ones',
    'SLU is not set': 'no-slu',
  },
  '23-tx-ring': {
    'a frame is unmapped and freed before DD': 'free-at-once',
    'the transmit index does not wrap': 'no-wrap',
    'a descriptor has the address of the CPU': 'cpu-address',
    'the tail moves before the descriptor is written': 'tail-first',
    'no dma_wmb before writel_relaxed': 'relaxed-without-barrier',
    'interrupts are never unmasked': 'never-unmasks',
    'a ring is left at remove': 'ring-left',
    'mappings are left at close': 'leaves-frames',
    'the length of unmapping differs': 'other-length',
    'the queue is never stopped': 'never-stops',
    'the queue is stopped one frame too late': 'stops-one-late',
    'the queue is never woken': 'never-wakes',
    'DD of the last lap is not cleared, transmit': 'stale-dd',
    'a mapping error is not tested, transmit': 'map-error-ignored',
    'no RS': 'no-rs',
    'no EOP': 'no-eop',
    'TDLEN is in descriptors': 'tdlen-in-descriptors',
    'the card reads a ring that is freed': 'card-left-on',
  },
  '24-rx-ring': {
    'the receive index does not wrap': 'no-wrap',
    'no dma_rmb after DD': 'no-rmb',
    'RDT is RDH': 'fills-all',
    'DD of the last lap is not cleared, receive': 'stale-dd',
    'a mapping error is not tested, receive': 'map-error-ignored',
    'the CRC is in the length': 'crc-in-length',
    'RDT is not moved': 'rdt-not-moved',
    'RAL is not set for a new address': 'address-once',
    'a frame is handed on before it is unmapped': 'handed-on-mapped',
  },
  '25-trouble': {
    'a timeout does nothing': 'timeout-does-nothing',
    'a lost doorbell is not noticed': 'no-watchdog',
  },
}

test('36 mistakes of drivers for a card are mistakes of the exercises', async () => {
  const all = Object.values(MISTAKES).flatMap(Object.keys)
  expect(new Set(all).size).toBe(36)
  for (const [exercise, names] of Object.entries(MISTAKES)) {
    const { mistakes } = (await import(join(COURSE, exercise, 'mistakes.js'))) as {
      mistakes: readonly Mistake[]
    }
    const known = mistakes.map(({ name }) => name)
    expect(known).toEqual(expect.arrayContaining(Object.values(names)))
  }
})

test('a dma_wmb before writel is not needed: no solution has one', () => {
  for (const exercise of Object.keys(MISTAKES)) {
    expect(readFileSync(join(COURSE, exercise, 'solution.js'), 'utf8')).not.toMatch(/dmaWmb/)
  }
})

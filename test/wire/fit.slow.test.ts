/** What is found on links with random delays and losses. */
import { describe, expect, test } from 'vitest'
import { fitWire, rateOfTrains, TRAINS } from '#src/wire/fit.ts'
import { parseWire } from '#src/wire/parse.ts'
import { measured, train } from './probed-link.ts'

describe('the rate of trains', () => {
  test.each([
    ['rate 20mbit | delay 15ms', 20, 0],
    ['rate 500mbit | delay 1ms', 500, 0],
    ['rate 20mbit | delay 15ms 2ms distribution normal', 20, 0.1],
    ['rate 20mbit | delay 15ms 2ms distribution normal ordered', 20, 0.1],
    ['rate 20mbit | delay 15ms 5ms', 20, 0.1],
    ['rate 100mbit | delay 15ms 2ms', 100, 0.1],
    ['loss 2% burst 4 | rate 20mbit | delay 15ms 2ms distribution normal', 20, 0.1],
    // Of 100 packets these queues hold 45 and 22.
    ['rate 1mbit limit 64kb | delay 20ms', 1, 0.01],
    ['rate 2mbit limit 32kb | delay 20ms 10ms distribution pareto', 2, 0.2],
    ['delay 5ms', 1153.6, 0.01],
  ])('%s is %d Mbit/s, with an error of at most a share of %d', (text, mbit, error) => {
    for (let seed = 1; seed <= 4; seed++) {
      const trains = Array.from({ length: TRAINS }, (_, i) => train(text, 100 * seed + i))
      const rate = rateOfTrains(trains, 1442) ?? 0
      expect(Math.abs(rate / 1e6 / mbit - 1), `seed ${seed}: ${rate}`).toBeLessThanOrEqual(
        error + 1e-6,
      )
    }
  })
})

describe('the wire that fits', () => {
  test.each([
    ['delay 20ms', /^delay 20ms$/],
    ['delay 20ms 5ms', /^delay (19\.9|20|20\.1)ms (4\.9\d|5|5\.\d\d?)ms$/],
    [
      'delay 20ms 3ms distribution normal',
      /^delay (19\.9|20|20\.1)ms (2\.9\d|3|3\.\d\d?)ms distribution normal$/,
    ],
    [
      'delay 20ms 3ms distribution pareto',
      /^delay (19\.9|20|20\.1)ms (2\.\d\d|3|3\.\d\d?)ms distribution pareto$/,
    ],
    ['delay 5ms loss 2%', /^loss (1\.[6-9]\d?|2|2\.[0-4]\d?)% \| delay 5ms$/],
    ['delay 5ms loss 2% burst 6', /^loss (1\.\d\d?|2|2\.\d\d?)% burst ([4-7]\.?\d*) \| delay 5ms$/],
  ])('round trips of %s have its numbers', (text, fit) => {
    const found = fitWire(measured(text, 10_000))
    expect(found.text).toMatch(fit)
    if (/ms [\d.]+ms/.test(text)) {
      expect(found.distance).toBeLessThan(0.02)
    } else {
      expect(found.distance).toBeUndefined()
    }
    expect(parseWire(found.text).length).toBeGreaterThan(0)
  })
})

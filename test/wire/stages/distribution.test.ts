import { expect, test } from 'vitest'
import { UsageError } from '#src/base/usage-error.ts'
import { normalCdf } from '#src/wire/stages/correlated.ts'
import { delay } from '#src/wire/stages/delay.ts'
import { parseTable, TABLE_FACTOR, tableOf } from '#src/wire/stages/distribution.ts'
import { slot } from '#src/wire/stages/slot.ts'

const sum = (values: number[]) => values.reduce((total, value) => total + value, 0)

function scaledTable(name: 'normal' | 'pareto' | 'paretonormal'): number[] {
  return [...(tableOf(name) as Int16Array)].map(t => t / TABLE_FACTOR)
}

test.each(['normal', 'pareto', 'paretonormal'] as const)(
  'the table of %s has mean 0 and standard deviation 1',
  name => {
    const values = scaledTable(name)
    const mean = sum(values) / values.length
    const deviation = Math.sqrt(sum(values.map(value => (value - mean) ** 2)) / values.length)
    expect([values.length, Math.abs(mean) < 1e-5, Math.abs(deviation - 1) < 1e-5]).toEqual([
      4096,
      true,
      true,
    ])
    expect(values).toEqual(values.slice().sort((a, b) => a - b))
  },
)

test('the table of normal has the quantiles of the normal distribution', () => {
  const values = scaledTable('normal')
  for (const [i, value] of values.entries()) {
    expect(Math.abs(normalCdf(value) - (i + 0.5) / 4096)).toBeLessThan(6e-5)
  }
  // Published quantiles of 97.5 % and 99.9 %.
  expect(values[Math.floor(0.975 * 4096)]).toBeCloseTo(1.96, 2)
  expect(values[Math.floor(0.999 * 4096)]).toBeCloseTo(3.09, 1)
})

test('the table of pareto rises with the exponent 3 until 16 bits end it', () => {
  const values = scaledTable('pareto')
  const tail = (i: number) => (1 - (i + 0.5) / 4096) ** (-1 / 3)
  const slope = (values[2048] - values[0]) / (tail(2048) - tail(0))
  const whole = values.filter(value => value < 32767 / TABLE_FACTOR)
  for (const [i, value] of whole.entries()) {
    expect(Math.abs(value - values[0] - slope * (tail(i) - tail(0)))).toBeLessThan(2e-3)
  }
  expect(values.length - whole.length).toBeLessThan(0.02 * 4096)
})

test('the table of paretonormal is a quarter normal and three quarters pareto', () => {
  const values = scaledTable('paretonormal')
  const normal = scaledTable('normal')
  const pareto = (i: number) => ((1 - (i + 0.5) / 4096) ** (-1 / 3) - 1.5) / Math.sqrt(0.75)
  const mixed = (i: number) => 0.25 * normal[i] + 0.75 * pareto(i)
  const slope = (values[3000] - values[1000]) / (mixed(3000) - mixed(1000))
  for (let i = 0; i < 4000; i++) {
    expect(Math.abs(values[i] - values[1000] - slope * (mixed(i) - mixed(1000)))).toBeLessThan(2e-3)
  }
})

test('the uniform distribution has no table, and the table of a file is sorted', () => {
  expect(tableOf('uniform')).toBeUndefined()
  expect(tableOf(Int16Array.of(3, -1, 2))).toEqual(Int16Array.of(-1, 2, 3))
})

test('a table file has numbers between spaces, and comments', () => {
  expect(parseTable('# made by hand\n -32768 5\t+6\r\n\n7 # seven\n32767')).toEqual(
    Int16Array.of(-32768, 5, 6, 7, 32767),
  )
})

test.each([
  ['1 2\n3 x4', "line 2: 'x4' is not a whole number from -32768 to 32767"],
  ['32768', "line 1: '32768' is not a whole number from -32768 to 32767"],
  ['1\n\n1.5', "line 3: '1.5' is not a whole number from -32768 to 32767"],
  ['-32769', "line 1: '-32769' is not a whole number from -32768 to 32767"],
  [`${'1 '.repeat(16384)}\n2`, 'line 2: more than 16384 numbers'],
  ['# nothing', 'the table is empty: it needs at least one number'],
])('a table file is refused with the line of its error', (text, message) => {
  expect(() => parseTable(text)).toThrow(new UsageError(message))
})

test('a table file has up to 16,384 numbers', () => {
  expect(parseTable('7\n'.repeat(16384)).length).toBe(16384)
})

test('an unknown distribution is refused with the known ones', () => {
  expect(() => tableOf('poisson' as 'normal')).toThrow(
    new UsageError(
      "'poisson' is not a distribution: uniform, normal, pareto, paretonormal, or a table",
    ),
  )
})

test('a delay and a slot refuse an empty table', () => {
  const distribution = new Int16Array()
  const empty = 'the table is empty: it needs at least one number'
  expect(() => delay('5ms', { jitter: '1ms', distribution })).toThrow(empty)
  expect(() => slot({ distribution, delay: '5ms', jitter: '1ms' })).toThrow(empty)
})

import { expect, test } from 'vitest'
import { DecisionReader, type LoggedEvent } from '#src/wire/decision-reader.ts'

const FORMAT = '{"format":2}\n'
const SET = '{"t":5,"direction":"ab","stage":"wire","verdict":"set","text":"delay 1ms","seed":7}\n'
const ARRIVAL =
  '{"t":10,"direction":"ab","n":1,"stage":"wire","verdict":"arrive","amount":3,"head":"0102fe"}\n'
const DELAY = '{"t":10,"direction":"ab","n":1,"stage":"delay","verdict":"delay","amount":1000000}\n'
const CLOSED = '{"t":20,"direction":"ab","n":1,"stage":"delay","verdict":"drop","why":"closed"}\n'

/** Reads a log in chunks of `size` bytes. Returns its events, the number lost, and the error. */
function read(text: string, size = 7): { events: LoggedEvent[]; lost: number; error?: string } {
  const reader = new DecisionReader('run.log')
  const bytes = Buffer.from(text)
  const events: LoggedEvent[] = []
  const drain = () => {
    for (let event = reader.next(); event !== undefined; event = reader.next()) {
      events.push(event)
    }
  }
  try {
    for (let at = 0; at < bytes.length; at += size) {
      reader.push(bytes.subarray(at, at + size))
      drain()
    }
    reader.end()
    drain()
  } catch (error) {
    return {
      events,
      lost: reader.lost,
      error: `${(error as Error).name}: ${(error as Error).message}`,
    }
  }
  return { events, lost: reader.lost }
}

test('changes, arrivals, decisions and the end of a wire are read from a log', () => {
  const events = [
    { verdict: 'set', time: 5, direction: 'ab', text: 'delay 1ms', seed: 7 },
    {
      verdict: 'arrive',
      time: 10,
      direction: 'ab',
      id: 1,
      length: 3,
      head: Uint8Array.of(1, 2, 254),
      gso: undefined,
    },
    { verdict: 'decide', time: 10, direction: 'ab' },
    { verdict: 'close', time: 20, direction: 'ab' },
  ]
  for (const size of [1, 7, 1000]) {
    expect(read(FORMAT + SET + ARRIVAL + DELAY + CLOSED, size)).toEqual({ events, lost: 0 })
  }
})

test('the segment size, type and transport offset of a GSO frame are read', () => {
  const gso = ARRIVAL.replace('"amount":3,', '"amount":3000,"gso":[1448,1,34],')
  expect(read(FORMAT + gso).events).toMatchObject([{ length: 3000, gso: [1448, 1, 34] }])
})

test('lines that the log omitted are counted', () => {
  expect(read(`${FORMAT}{"lost":3}\n${SET}{"lost":4}\n`)).toMatchObject({
    events: [{ verdict: 'set' }],
    lost: 7,
  })
})

test.each([
  [
    'a file that is cut off in a line',
    FORMAT + SET + ARRIVAL.slice(0, 20),
    'line 3: the file ends within it',
  ],
  ['a line that is not JSON', `${FORMAT + SET}{"t":\n`, 'line 3: not JSON'],
  ['another file of JSON', SET, 'line 1: not the log of a wire: {"format":2} is missing'],
  ['a newer format', '{"format":3}\n', 'line 1: format 3 is of a newer vnet: this one reads 2'],
  ['an older format', '{"format":1}\n', 'line 1: format 1 is of an older vnet: this one reads 2'],
  ['a line without a time', `${FORMAT + SET}null\n`, 'line 3: not a decision'],
  [
    'a time that is not finite',
    FORMAT + SET + ARRIVAL.replace('10', '1e999'),
    'line 3: not a decision',
  ],
  ['a third direction', FORMAT + SET + ARRIVAL.replace('ab', 'cd'), 'line 3: not a decision'],
  [
    'words without a seed',
    FORMAT + SET + SET.replace('7}', 'null}'),
    'line 3: text or seed are missing',
  ],
  [
    'an arrival without a length',
    FORMAT + SET + ARRIVAL.replace(':3,', ':-3,'),
    'line 3: an arrival without a number',
  ],
  [
    'a head of other digits',
    FORMAT + SET + ARRIVAL.replace('fe', 'fg'),
    'line 3: head is not hexadecimal',
  ],
  [
    'a head longer than the frame',
    FORMAT + SET + ARRIVAL.replace(':3,', ':2,'),
    'line 3: head is longer than the frame',
  ],
  [
    'a transport header outside the frame',
    FORMAT + SET + ARRIVAL.replace(':3,', ':3,"gso":[1448,1,34],'),
    'line 3: gso is not a segment size, a type and an offset',
  ],
])('%s is one line with its number, after the whole lines', (_, text, message) => {
  const { events, error } = read(text)
  expect(error).toContain(`DecisionFileError: run.log: ${message}`)
  expect(events).toHaveLength(message.startsWith('line 1') ? 0 : 1)
})

test('a line without an end is an error before it fills the memory', () => {
  expect(read(FORMAT + 'x'.repeat(1024 * 1024 + 1), 65_536).error).toContain(
    'line 2: longer than 1048576 bytes',
  )
})

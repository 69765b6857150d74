import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type FileError, UsageError } from '#src/base/usage-error.ts'
import { noResources } from '#src/wire/grammar/groups.ts'
import { KEYWORDS, parseWire } from '#src/wire/parse.ts'
import { forAll } from '#support/for-all.ts'
import { SEED, scaled } from '#support/scale.ts'

/** Returns the lines of the error that `words` give. */
function linesOf(text: string): string[] {
  try {
    parseWire(text, { filter: text => Object.assign(() => true, { text }), file: () => '' })
  } catch (error) {
    return (error as Error).message.split('\n')
  }
  throw new Error(`no error: ${text}`)
}

describe('a wrong word', () => {
  test('an error names the wrong word, puts carets under it, and suggests the word that was meant', () => {
    expect(linesOf('dealy 20ms loss 1%')).toEqual([
      "'dealy' is not a word of a wire; did you mean 'delay'?",
      '  dealy 20ms loss 1%',
      '  ^^^^^',
    ])
    expect(linesOf('delay 20ms los 1%')).toEqual([
      "'los' is not a word of a wire; did you mean 'loss'?",
      '  delay 20ms los 1%',
      '             ^^^',
    ])
  })

  test('a word unlike every other gets no suggestion', () => {
    expect(linesOf('xyzzy')[0]).toBe("'xyzzy' is not a word of a wire")
  })

  test('a wrong word is found in quotes, in parentheses, and after tabs and line ends', () => {
    expect(linesOf("'delay' 20ms")).toEqual([
      'quotes are for filters and files only',
      "  'delay' 20ms",
      '  ^^^^^^^',
    ])
    expect(linesOf('match arp (\n\tlos 1% )')).toEqual([
      "'los' is not a word of a wire; did you mean 'loss'?",
      '  match arp (  los 1% )',
      '               ^^^',
    ])
  })

  test('a wrong word in a long text is shown with its surroundings', () => {
    const many = Array.from({ length: 40 }, () => 'loss 1%').join(' | ')
    const [, text, carets] = linesOf(`${many} | oops | ${many}`)
    expect(text.length).toBeLessThan(80)
    expect(text.slice(carets.indexOf('^'), carets.length)).toBe('oops')
  })

  test('a wrong word of any length is shown in one line of a terminal', () => {
    const [, text, carets] = linesOf(
      `delay 1ms ${'x'.repeat(10_000)} | ${'loss 1% | '.repeat(100)}`,
    )
    expect([text.length < 140, carets.length < 140]).toEqual([true, true])
  })

  test('a wrong word cannot control the terminal', () => {
    expect(linesOf('\x1b[31m 1%')).toEqual([
      "'\\x1b[31m' is not a word of a wire",
      '  \\x1b[31m 1%',
      '  ^^^^^^^^',
    ])
  })
})

test('a distribution that is neither known nor a file is an error that lists the known ones', () => {
  const file = (path: string): string => {
    throw new UsageError(`${path}: ENOENT`)
  }
  expect(() =>
    parseWire('delay 20ms 5ms distribution foo', {
      filter: text => Object.assign(() => true, { text }),
      file,
    }),
  ).toThrow('distribution needs uniform, normal, pareto, paretonormal or a file; foo: ENOENT')
})

test('matches may be nested up to 16 deep', () => {
  const nested = (depth: number) => `${'match arp ( '.repeat(depth)}loss 1%${' )'.repeat(depth)}`
  expect(
    parseWire(nested(16), { filter: text => Object.assign(() => true, { text }), file: () => '' })
      .length,
  ).toBe(1)
  expect(linesOf(nested(17))[0]).toBe('a match may lie in 15 others')
})

/** Returns where an error may point in `text`: at its tokens, and just past the last. */
function positionsIn(text: string): number[] {
  const tokens = text.matchAll(/[()|]|'[^']*'|"[^"]*"|[^\s()|'"]+|['"]/g)
  return [...Array.from(tokens, ({ index }) => index), text.trimEnd().length]
}

test('any text is either stages or an error of three lines with carets from the start of a word, or past the last', () => {
  const vocabulary = fc.oneof(
    fc.constantFrom(
      ...KEYWORDS,
      '(',
      ')',
      '|',
      'first',
      'nth',
      'every',
      'data',
      'after',
      'state',
      'gemodel',
      'random',
      'min',
      'packets',
    ),
    fc.constantFrom(
      '1',
      '1%',
      '20ms',
      '1mbit',
      '64kb',
      '-5',
      '0',
      'tcp',
      "'tcp port 80'",
      '"',
      "'",
      '\n',
      'constructor',
    ),
    fc.string({ maxLength: 6 }),
  )
  const text = fc.array(vocabulary, { maxLength: 14 }).map(list => list.join(' '))
  forAll({ numRuns: scaled(100_000), seed: SEED }, [text], text => {
    let thrown: FileError
    try {
      parseWire(text, { filter: of => Object.assign(() => true, { text: of }), file: () => '1' })
      return
    } catch (error) {
      expect((error as Error).name).toBe('FileError')
      thrown = error as FileError
    }
    const { message, column = 0 } = thrown
    expect(message).toMatch(/^\S[^\n]*\n {2}[^\n]*\n {2} *\^+$/)
    expect(positionsIn(text)).toContain(column - 1)
    const [, line, carets] = message.split('\n')
    if (line === `  ${text.trimEnd()}`) {
      expect(carets.indexOf('^')).toBe(column + 1)
    }
  })
})

test.each([
  // [spec, the first line, the text over the carets; empty after the last word]
  ['delay', 'delay needs a time: delay 20ms', ''],
  ['delay fast', "'fast' is not a duration: a number with us, ms, s, min or h", 'fast'],
  [
    '50ms latency',
    "'50ms' is one number too many: put a word before it, such as delay 50ms",
    '50ms',
  ],
  ['3% delay 20ms', "'3%' is one number too many: put a word before it, such as loss 3%", '3%'],
  ['delay 20ms 5ms 25% 7', "'7' is one number too many", '7'],
  [
    'delay 20ms distribution normal',
    'a distribution needs a jitter: delay 20ms 5ms distribution normal',
    'distribution',
  ],
  ['delay 20ms 5ms 101%', "'101%' is not a percentage from 0% to 100%", '101%'],
  ['loss', 'loss needs a percentage, or state, gemodel, burst or every: loss 1%', ''],
  ['loss 5ms', "'5ms' is not a percentage from 0% to 100%", '5ms'],
  ['loss burst 0.5 1%', "'0.5' is not a mean number of packets: a number of at least 1", '0.5'],
  ['loss every 0', "'0' is not a count: a whole number of at least 1", '0'],
  ['ecn loss 1%', 'ecn follows a loss model, red or codel: loss 1% ecn', 'ecn'],
  [
    'rate 10mb',
    "'10mb' is not a rate: a number with bit, kbit, mbit or gbit (bps: bytes per second)",
    '10mb',
  ],
  [
    'limit 100',
    'limit needs rate, trace, delay, slot or hold beside it: rate 10mbit limit 100',
    'limit',
  ],
  [
    'loss 1% limit 100 | delay 1ms',
    'limit needs rate, trace, delay, slot or hold beside it: rate 10mbit limit 100',
    'limit',
  ],
  [
    'delay 1ms limit 5ms',
    'a limit in time needs a rate beside it: rate 10mbit limit 50ms',
    'limit',
  ],
  ['rate 1mbit limit 0s', '0 bytes hold no frame: it needs at least 60', 'limit'],
  ['rate 10mbit limit 40us', '50 bytes hold no frame: it needs at least 60', 'limit'],
  ['rate 1mbit limit 59b', '59 bytes hold no frame: it needs at least 60', 'limit'],
  ['policer 1mbit burst 59b', '59 bytes hold no frame: it needs at least 60', '59b'],
  ['policer 1mbit', 'policer needs a burst: policer 10mbit burst 15kb', ''],
  ['delay 1ms codel', 'codel needs rate or trace beside it: rate 10mbit codel', 'codel'],
  ['rate 1mbit red codel', 'codel is a second queue discipline beside red', 'codel'],
  ['rate 1mbit codel ce_threshold', 'ce_threshold needs a time: ce_threshold 1ms', ''],
  ['rate 1mbit pie target 1ms tupdate', 'tupdate needs a time: tupdate 15ms', ''],
  ['rate 1mbit pie tupdate', 'tupdate needs a time: tupdate 15ms', ''],
  ['rate 1mbit trace x', 'rate and trace are two queues: put | between them', 'trace'],
  ['delay 1ms delay 2ms', 'delay is given twice: put | between them', 'delay'],
  ['rate 1mbit red red', 'red is given twice: put | between them', 'red'],
  ['delay 1ms reorder 1% reorder 2%', 'reorder is given twice: put | between them', 'reorder'],
  ['rate 1mbit limit 5 limit 6', 'limit is given twice: put | between them', 'limit'],
  [
    'delay 20ms ordered',
    'ordered follows the jitter of a delay: delay 20ms 5ms ordered',
    'ordered',
  ],
  [
    'reorder 25%',
    'reorder needs a delay, which the reordered packets skip: delay 20ms reorder 25%',
    'reorder',
  ],
  ['slot 10ms 5ms', 'the longest time of a slot is shorter than its shortest', '5ms'],
  ['mtu 20', "'20' is not an MTU: a whole number from 68 to 65535", '20'],
  ['seed 7', 'a seed is not a word of a wire: use --seed N', 'seed'],
  ['delay 1ms |', 'a stage is missing here: delay 20ms', ''],
  ['| delay 1ms', 'a stage is missing here: delay 20ms', '|'],
  ['delay 1ms )', "a ')' without its '('", ')'],
  ['match syn syn ( )', 'syn is given twice', 'syn'],
  ['match arp nth 0 ( )', "'0' is not a count: a whole number of at least 1", '0'],
  ['drop arp data nth 1 data', 'data is given twice', 'data'],
  ['loss 1% data', 'data follows match, or the count of a fault: match data ( loss 50% )', 'data'],
  ['syn loss 1%', 'syn follows match: match syn ( loss 50% )', 'syn'],
  [
    'match arp loss 1%',
    "match needs ( ... ) after its filter: match 'tcp port 80' ( loss 1% )",
    'loss',
  ],
  ['match arp ( loss 1%', "this '(' has no ')'", '('],
  [
    'match tcp port 80 ( loss 1% )',
    "a filter of several words needs quotes: 'tcp port 80'",
    'tcp port 80',
  ],
  [
    'drop tcp port 80 nth 3',
    "a filter of several words needs quotes: 'tcp port 80'",
    'tcp port 80',
  ],
  ["drop 'tcp port 80", "the quote ' is not closed", "'tcp port 80"],
  [
    'drop 1%',
    'drop needs a filter and first, nth, every, data or after; at random it is loss 1%',
    '1%',
  ],
  ['drop arp', 'drop needs first N, nth N, every N, data or after T: every 1 for all packets', ''],
  ['drop arp first 1 nth 2', 'a fault has either first or nth', 'nth'],
  ['preset', 'preset needs a name: ', ''],
  ['delay (', 'delay needs a time: delay 20ms', '('],
  ['preset foo', "'foo' is not a preset: dial-up, ", 'foo'],
  ['preset dail-up', "'dail-up' is not a preset; did you mean 'dial-up'?", 'dail-up'],
  ['preset dial-up loss 1%', 'a preset stands alone: put | between it and other words', 'loss'],
  ['loss 1% packets 5', 'packets follows slot: slot 10ms packets 16', 'packets'],
  ['delay 200ms icmp', 'icmp follows mtu: mtu 1400 icmp', 'icmp'],
  ['delay 20 ms', 'a number and its unit are one word: delay 20ms', 'ms'],
  ['loss 1 %', 'a number and its % are one word: loss 1%', '%'],
  ['latency 20ms', "the word is 'delay'", 'latency'],
])('%s: %s', (text, first, wrong) => {
  const [message, shown, carets] = linesOf(text)
  expect(message.startsWith(first)).toBe(true)
  const at = carets.indexOf('^')
  if (wrong === '') {
    expect(at).toBe(text.length + 2)
  } else {
    expect(shown.slice(at, carets.length)).toBe(wrong)
  }
})

test.each([
  ['rate 10', "'10' has no unit: it means 10bit/s, as in tc(8)"],
  ['rate 1.5e6', "'1.5e6' has no unit: it means 1.5mbit/s, as in tc(8)"],
  ['delay 20', "'20' has no unit: it means 20us, as in tc(8)"],
  ['policer 1mbit burst 1513b', 'frames of more than 1513 bytes never pass: they do not fit'],
  ['policer 1mbit burst 60b', 'frames of more than 60 bytes never pass: they do not fit'],
  ['rate 10mbit limit 1ms', 'frames of more than 1250 bytes never pass: they do not fit'],
  [
    "match 'tcp[tcpflags] & tcp-syn != 0' ( )",
    'tcp[...] in a filter never matches IPv6 (pcap-filter(7)): match syn and words such as port match both families',
  ],
])("the text '%s' gets a note", (text, note) => {
  const notes: string[] = []
  const resources = { ...noResources, filter: () => Object.assign(() => true, { text: '' }) }
  parseWire(text, resources, 'ab', { bareUs: true, note: line => notes.push(line) })
  expect(notes).toEqual([note])
})

test.each(['rate 10bit', 'delay 0', 'delay 20us', 'loss 1', 'rate 10mbit burst 1500 limit 20'])(
  "the text '%s' gets no note",
  text => {
    parseWire(text, noResources, 'ab', {
      bareUs: true,
      note: line => {
        throw new Error(line)
      },
    })
  },
)

import { describe, expect, test } from 'vitest'
import { directed, type Group, type Item, printGroups } from '#src/wire/grammar/groups.ts'
import { readWireText } from '#src/wire/parse.ts'
import { STAGES } from '#src/wire/stages.ts'
import { forAll } from '#support/for-all.ts'
import { either, SEED, scaled } from '#support/scale.ts'
import { wires } from './arbitrary.ts'
import { EXAMPLES, stageIn } from './examples.ts'

const read = (text: string) => directed(readWireText(text).groups, 'ab')

/** Omits the positions in the text. */
function plain(groups: readonly Group[]): unknown[] {
  return groups.map(({ items, limit }) => ({ limit, items: items.map(plainItem) }))
}

function plainItem({ kind: { kind }, spec }: Item): unknown {
  if (kind !== 'match') return { kind, spec }
  const { matching, others, ...rest } = spec as {
    matching: readonly Group[]
    others: readonly Group[]
  }
  return { kind, spec: { ...rest, matching: plain(matching), others: plain(others) } }
}

test('printed stages are parsed as the same stages', () => {
  forAll({ numRuns: either(scaled(25_000), 100), seed: SEED }, [wires], wire => {
    const text = printGroups(wire)
    expect(plain(read(text))).toEqual(plain(wire))
    expect(printGroups(read(text))).toBe(text)
  })
})

test.each([
  ['delay 20 loss 1', 'loss 1% delay 20us'],
  ['delay 1000us 5ms 25 distribution normal', 'delay 1ms 5ms 25% distribution normal'],
  ['delay 20ms 5ms distribution uniform', 'delay 20ms 5ms'],
  ['delay 20ms reorder 25% 50% gap 5', 'delay 20ms reorder 25% 50% gap 5'],
  ['reorder 25% gap 1 delay 20ms', 'delay 20ms reorder 25%'],
  ['loss random 1% 25% ecn', 'loss 1% 25% ecn'],
  ['loss state 1%', 'loss state 1%'],
  ['loss state 1% 99% 0 100 0', 'loss state 1%'],
  ['loss state 1% 20% 0% 90%', 'loss state 1% 20% 0% 90%'],
  ['loss gemodel 1% 10% 70% 0.1%', 'loss gemodel 1% 10% 70% 0.1%'],
  ['loss gemodel 1% 99% 100%', 'loss gemodel 1%'],
  ['loss burst 5 1%', 'loss 1% burst 5'],
  ['corrupt 100% at 14', 'corrupt at 14'],
  ['rate 10000kbit 26 53 4 burst 15360', 'rate 10mbit 26 53 4 burst 15kb'],
  ['rate 1mbit -14', 'rate 1mbit -14'],
  ['limit 64kb codel target 5ms ecn rate 1mbit', 'rate 1mbit codel target 5ms ecn limit 64kb'],
  ['delay 20ms rate 1mbit limit 100', 'rate 1mbit delay 20ms limit 100'],
  ['loss 1% | rate 10mbit limit 100 | delay 20ms', 'loss 1% | rate 10mbit limit 100 | delay 20ms'],
  ['slot 10ms 10ms packets 5', 'slot 10ms packets 5'],
  ['slot distribution normal 10ms 2ms bytes 64kb', 'slot distribution normal 10ms 2ms bytes 64kb'],
  ['corrupt 1% delay 1ms duplicate 1% loss 1%', 'loss 1% duplicate 1% corrupt 1% delay 1ms'],
  ['match "arp" (loss 1%) else(delay 1ms)', "match 'arp' ( loss 1% ) else ( delay 1ms )"],
  ['match arp ( )', "match 'arp' ( )"],
  ["delay 200ms 'tcp port 80' nth 3", "delay 200ms 'tcp port 80' nth 3"],
  ['delay 200ms arp nth 3', "delay 200ms 'arp' nth 3"],
  [
    'delay 200ms icmp nth 3 duplicate icmp first 1',
    "delay 200ms 'icmp' nth 3 duplicate 'icmp' first 1",
  ],
  ['delay 200ms nth 3', 'delay 200ms nth 3'],
  ['delay 20ms loss every 10', 'loss every 10 delay 20ms'],
  ['drop first 1 reset tcp after 2s', "drop first 1 reset 'tcp' after 2s"],
  ['corrupt udp every 2 duplicate udp first 1', "corrupt 'udp' every 2 duplicate 'udp' first 1"],
  ["trace 'my file' once drophead", "trace 'my file' once drophead"],
  ['drop arp after 2s first 1', "drop 'arp' first 1 after 2s"],
  ['', ''],
])('%s is printed as %s', (text, printed) => {
  expect(printGroups(read(text))).toBe(printed)
})

describe('the examples of words', () => {
  test('every kind has one', () => {
    expect(new Set(EXAMPLES.map(([kind]) => kind))).toEqual(new Set(STAGES))
  })

  test.each(EXAMPLES.map(([kind, text]) => [text, kind] as const))(
    '%s is read again from its print',
    (text, kind) => {
      expect(stageIn(printGroups(readWireText(text).groups)).kind).toBe(kind)
      expect(plainItem(stageIn(printGroups(readWireText(text).groups)))).toEqual(
        plainItem(stageIn(text)),
      )
    },
  )
})

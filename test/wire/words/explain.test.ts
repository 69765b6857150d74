import { expect, test } from 'vitest'
import { explainWire } from '../../../src/wire/words/explain.ts'

test.each([
  ['loss 1%', ['drops 1% of the packets at random']],
  [
    'delay 20ms 5ms distribution normal rate 10mbit',
    [
      'lets packets leave at 10mbit',
      'delays packets by 20ms +- 5ms, normal, in order; these stages together hold at most 1000 packets',
    ],
  ],
  [
    'rate 1mbit codel ecn limit 64kb',
    ['lets packets leave at 1mbit, from a queue that drops what waited too long (CoDel, ECN); holds at most 64kb'],
  ],
  [
    "match 'tcp port 80' ( loss 1% ) else ( delay 5ms )",
    [
      ...["for packets that match 'tcp port 80':", '  drops 1% of the packets at random'],
      ...['all other packets:', '  delays packets by 5ms; holds at most 1000 packets'],
    ],
  ],
  ['drop arp first 1', ["drops the first packet of those that match 'arp'"]],
  ['drop nth 3 after 2s', ['drops packet number 3, from 2s after the first packet on']],
])('%s is explained, a line a stage', (words, lines) => {
  expect(explainWire(words)).toEqual(lines)
})

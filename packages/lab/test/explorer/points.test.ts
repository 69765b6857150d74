/** The round trip that delays are multiples of, from the packets of a run. */
import { expect, test } from 'vitest'
import { type ExploredPacket, roundTripOf } from '../../src/explore/points.ts'
import { parseName } from '../../src/watch/packet-name.ts'

/** Returns the packets of a handshake and of data after it, at these milliseconds. */
function handshakeAt(...times: readonly number[]): ExploredPacket[] {
  const texts = [
    'ab tcp a:* > b:80 seq 0',
    'ba tcp b:80 > a:* seq 0',
    'ab tcp a:* > b:80 ack 1',
    'ab tcp a:* > b:80 seq 1',
  ]
  return texts.map((text, i) => {
    const name = parseName(`a-b ${text}`)
    const number = texts.slice(0, i + 1).filter(each => each.startsWith(name.direction)).length
    const rest = { number, end: name.n + 1, time: 0, length: 60, head: new Uint8Array(60), hit: false, lost: false }
    return { ...name, ...rest, name: text, at: times[i] as number }
  })
}

test('the round trip is from the first packet of a flow to the packet after the first reply', () => {
  expect(roundTripOf(handshakeAt(0, 10, 20, 100))).toBe(20)
  expect(roundTripOf(handshakeAt(0, 0.1, 0.2, 100))).toBe(2)
})

test('the packet after the reply may leave at the moment at which the reply arrives', () => {
  expect(roundTripOf(handshakeAt(0, 0, 0, 40))).toBe(2)
})

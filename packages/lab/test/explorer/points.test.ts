/** The round trip from the packets of a run, and the times of faults that are multiples of it. */
import { expect, test } from 'vitest'
import { parseKind } from '../../src/explore/fault-text.ts'
import { type ExploredPacket, faultOf, roundTripOf } from '../../src/explore/points.ts'
import { parseName } from '../../src/model/packet-name.ts'

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
    const rest = {
      number,
      end: name.n + 1,
      time: 0,
      length: 60,
      head: new Uint8Array(60),
      hit: false,
      lost: false,
    }
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

test.each([
  ['silence 0.2rtt', 2, 400_000],
  ['delay 0.001rtt', 2, 2000],
  ['delay', 11.4, 34_000_000],
])('%s with a round trip of %d ms lasts %d ns', (text, roundTrip, time) => {
  const packets = handshakeAt(0, 10, 20, 100)
  expect(faultOf(packets[0] as ExploredPacket, parseKind(text), roundTrip, packets)?.time).toBe(
    time,
  )
})

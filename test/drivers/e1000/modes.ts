/** What holds for a card at whatever moment it works on its rings, and for any CPU. */
import { describe, expect, test } from 'vitest'
import type { TestBed } from '#src/bed/index.ts'
import { e1000Bed, numberedFrame, type Params, upTo } from './pair.ts'

/** Returns a bed with two cards, which ignore the parameters that are not theirs. */
type MakeBed = (params: Params) => Promise<
  Pick<Awaited<ReturnType<typeof e1000Bed>>, 'e0' | 'e1' | 'send' | 'arrived'> & {
    readonly bed: Pick<TestBed, 'ping' | 'drops' | 'transmit' | 'advance' | 'port'>
  }
>

/** Declares the tests for cards with these parameters, each with when they work. */
export function testModes(
  modes: readonly (readonly [when: string, params: Params])[],
  makeBed: MakeBed = e1000Bed,
): void {
  describe.each(modes)('a card that works on its rings %s', (_, params) => {
    test('pings pass in both directions', async () => {
      const { bed, e0, e1 } = await makeBed(params)
      for (const [from, to] of [
        [e0, '198.18.0.2'],
        [e1, '198.18.0.1'],
      ] as const) {
        expect(bed.ping({ from, to, count: 20, interval: 2 })).toMatchObject({ received: 20 })
      }
      expect([bed.drops(e0), bed.drops(e1)]).toEqual([{}, {}])
    })

    test('frames arrive once, in order and whole, over the ends of both rings', async () => {
      const { bed, e0, e1, arrived } = await makeBed(params)
      const lengths = upTo(100).map(n => 60 + ((n * 97) % 1455))
      for (const [i, length] of lengths.entries()) {
        bed.transmit(numberedFrame(i, e0, e1, length))
        if (i % 8 === 7) {
          bed.advance(4)
        }
      }
      bed.advance(10)
      expect(arrived()).toEqual(upTo(99, 0))
      const { received } = bed.port('e1')
      expect(received.map(({ bytes }) => bytes.length)).toEqual(lengths)
      expect(received.map(({ bytes }) => bytes.at(-1))).toEqual(upTo(99, 0))
    })

    test('with more frames than descriptors the queue stops, and wakes when the card is done', async () => {
      const { bed, e0, e1, arrived } = await makeBed(params)
      let stops = 0
      const { stop } = Object.getPrototypeOf(e0.tx[0])
      e0.tx[0].stop = () => {
        stops++
        stop.call(e0.tx[0])
      }
      const port = bed.port('e0')
      for (const n of upTo(100)) {
        port.transmit(numberedFrame(n, e0, e1))
      }
      bed.advance(100)
      expect(arrived()).toEqual(upTo(100))
      expect([e0.tx[0].stopped, stops > 0]).toEqual([false, true])
      Reflect.deleteProperty(e0.tx[0], 'stop')
    })

    test('a full ring of frames that are sent together arrives', async () => {
      const { bed, e0, e1, arrived } = await makeBed({ ...params, ringSize: 128 })
      const port = bed.port('e0')
      for (const n of upTo(120)) {
        port.transmit(numberedFrame(n, e0, e1))
      }
      bed.advance(10)
      expect([arrived(), bed.drops(e1)]).toEqual([upTo(120), {}])
    })

    test('the devices go down with frames in both rings, and up again', async () => {
      const { bed, send, arrived, e1 } = await makeBed({ ...params, wire: 'delay 1ms' })
      for (let round = 0; round < 4; round++) {
        send(upTo(5))
        bed.port(round % 2 === 0 ? 'e0' : 'e1').change({ kind: 'down' })
        bed.advance(5)
        bed.port(round % 2 === 0 ? 'e0' : 'e1').change({ kind: 'up' })
        bed.advance(5)
      }
      const before = arrived().length
      send(upTo(3))
      bed.advance(10)
      expect(arrived().slice(before)).toEqual([1, 2, 3])
      expect(e1.carrier).toBe(true)
    })
  })
}

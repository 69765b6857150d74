/** Frames of all kinds, for wires of all kinds. */
import fc from 'fast-check'
import { expect } from 'vitest'
import { NSEC_PER_MSEC } from '#src/base/clock.ts'
import { type Random, random } from '#src/base/random.ts'
import type { WireResources } from '#src/netdev/device-wire.ts'
import { SKB_GSO_TCPV4, SKB_GSO_TCPV6, SKB_GSO_UDP_L4 } from '#src/skb/sk-buff.ts'
import { noResources } from '#src/wire/grammar/groups.ts'
import type * as wire from '#src/wire/index.ts'
import type { Impairment } from '#src/wire/index.ts'
import { parseWire } from '#src/wire/parse.ts'
import { fuzzFrames } from '#support/fuzz-frames.ts'
import { SEED } from '#support/scale.ts'
import { type FrameFields, plainFrame, TestWire } from '#support/wire.ts'
import { buildFrame, type Packet, plain, plain6 } from '../packet/frames.ts'
import { stageIn } from './grammar/examples.ts'

const MS = NSEC_PER_MSEC

/** ns */
export const time = fc.constantFrom(0, 1, 1000, 0.3 * MS, 2 * MS, 20 * MS)

export const odd: wire.WireFilter = (bytes, at, length) =>
  ((bytes[at + length - 1] as number) & 1) !== 0

/** A link with changes of the delay, losses and an outage. */
export const LINK =
  'time,rate,delay,loss\n0,1mbit,1,0%\n0.002,100mbit,20,30%\n0.01,0,0,0%\n0.03,10mbit,5,0%\n'

export const resources: WireResources = {
  ...noResources,
  filter: text => Object.assign((...frame: Parameters<wire.WireFilter>) => odd(...frame), { text }),
  file: () => LINK,
  stage: ownStage,
}

/** An impairment of one's own that throws for some packets, before it hands them on. */
export function ownStage(): Impairment {
  return function own(next, env) {
    return {
      push(skb) {
        if (env.random.next() < 0.1) throw new Error('of its own')
        next.push(skb)
      },
    }
  }
}

// Frames.

export const GSO = {
  none: 0,
  tcp4: SKB_GSO_TCPV4,
  tcp6: SKB_GSO_TCPV6,
  udp: SKB_GSO_UDP_L4,
  unknown: 1 << 30,
}

/** Valid GSO frames, with and without a VLAN tag, of a full and of a short last segment. */
export const SUPER: readonly { readonly bytes: Uint8Array; readonly fields: FrameFields }[] = [
  plain,
  plain6,
].flatMap(base =>
  (['tcp', 'udp'] as const).flatMap(kind =>
    [0, 1].map(tags => {
      const payload = new Array<number>(kind === 'tcp' ? 20_000 : 3000).fill(tags)
      const packet: Packet = { ...base, kind, payload, checksum: 'partial' }
      const h = 14 + 4 * tags + (base === plain ? 20 : 40)
      const tcp = base === plain ? SKB_GSO_TCPV4 : SKB_GSO_TCPV6
      const gsoType = kind === 'udp' ? SKB_GSO_UDP_L4 : tcp
      return {
        bytes: buildFrame({
          packet,
          tags: new Array(tags).fill({ type: 0x8100, tci: 5 }),
          padding: [],
        }),
        fields: {
          csumStart: h,
          csumOffset: kind === 'udp' ? 6 : 16,
          gsoSize: 1000 + 448 * tags,
          gsoType,
        },
      }
    }),
  ),
)

export const PLAIN = [14, 60, 590, 1514, 9014].map(plainFrame)

export const ECT = PLAIN.slice(1).map(frame => {
  const bytes = frame.slice()
  bytes.set([8, 0, 0x45, 2], 12)
  return bytes
})

/** Returns a function that sends a random frame. */
export function frames(
  draw: Random,
): (to: (bytes: Uint8Array, fields?: FrameFields) => void) => void {
  const fuzz = fuzzFrames(draw, 9000)
  const one = <T>(list: readonly T[]): T => list[draw.below(list.length)] as T
  return to => {
    const kind = draw.below(16)
    if (kind === 0) {
      const { bytes, fields } = one(SUPER)
      to(bytes, fields)
    } else if (kind < 5) {
      to(one(ECT))
    } else if (kind < 10) {
      to(one(PLAIN))
    } else {
      const { bytes, partial, csumStart, csumOffset, gsoSize, gso } = fuzz()
      // A frame shorter than an Ethernet header reaches no wire.
      if (bytes.length < 14) return
      to(bytes, { ...(partial && { csumStart, csumOffset }), gsoSize, gsoType: GSO[gso] })
    }
  }
}

/**
 * Sends random frames through the stage of a text, and expects that none is lost uncounted at any
 * moment, and that a stage which copies them says so.
 */
export function expectConserved(text: string, count: number): void {
  const made = new TestWire(parseWire(text, resources), { receive: () => {}, seed: SEED })
  const sendOne = frames(random(SEED))
  for (let i = 0; i < count; i++) {
    sendOne((bytes, fields) => made.sendFrame(bytes, fields))
    made.advance(i % 3 === 0 ? MS : 0)
    made.conserved()
  }
  made.chain.close()
  const { held, duplicated } = made.conserved()
  expect(held).toBe(0)
  if (duplicated > 0) {
    const { kind, spec } = stageIn(text)
    expect(kind.copies?.(spec) ?? 1).toBeGreaterThan(1)
  }
  expect(made.failures.filter(failure => !failure.includes('of its own'))).toEqual([])
}

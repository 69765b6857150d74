/** An attachment beside other programs on the interface: tcx, tc and XDP, before and after it. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { attach, type Cable } from '#src/wire.ts'
import { makeVeth, NEVER_OPEN } from '#support/attach.ts'
import { countFrames, type Place } from '#support/bpf.ts'
import { ethernet } from '#support/frames.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { PacketSocket } from '#support/packet-socket.ts'

const FRAMES = 10

const { own, near, far } = freshQuietNamespaces('near', 'far')
let link: Cable | undefined

beforeEach(() => {
  link = undefined
  makeVeth(near, far)
})
afterEach(() => link?.close())

/** Sends frames through the wire in both directions; half of them are lost there. */
async function exchange(): Promise<void> {
  using inside = new PacketSocket(near, 'inner')
  using outside = new PacketSocket(far, 'outer')
  for (let i = 0; i < FRAMES; i++) {
    inside.send(ethernet(0x88b5, 46))
    outside.send(ethernet(0x88b6, 46))
  }
  const out = () =>
    [link!.ab, link!.ba].map(wire => wire.report().map(stage => [stage.in, stage.out]))
  await expect.poll(out).toEqual([[[FRAMES, FRAMES / 2]], [[FRAMES, FRAMES / 2]]])
  // Those that have left the wire are with the kernel, which passes them on by itself.
  await expect
    .poll(() => outside.frames.filter(({ octets }) => octets[13] === 0xb5).length)
    .toBe(FRAMES / 2)
}

async function join(): Promise<void> {
  link = await attach('inner', {
    netns: near.name,
    in: 'loss every 2',
    out: 'loss every 2',
    seed: 7,
    ...NEVER_OPEN,
  })
}

/** Frames that a program sees: those before the wire, those after it, or both. */
const before = FRAMES
const after = FRAMES / 2
const both = before + after

describe('a program that was loaded before the attachment', () => {
  test.each<[Place, number]>([
    ['tcx ingress, first', after],
    ['tcx egress, first', after],
    ['native XDP', before],
  ])('%s sees frames in the right order with the wire', async (place, seen) => {
    const count = countFrames(own, near, 'inner', place)
    await join()
    await exchange()
    await expect.poll(count).toBe(seen)
  })

  test.each(['ingress', 'egress'])('a filter of tc at %s sees frames after the wire', async way => {
    near.exec('tc qdisc add dev inner clsact')
    near.exec(`tc filter add dev inner ${way} u32 match u32 0 0`)
    await join()
    await exchange()
    const counted = () =>
      /Sent \d+ bytes (\d+) pkt/.exec(near.exec('tc -s qdisc show dev inner clsact'))?.[1]
    await expect.poll(counted).toBe(`${after}`)
  })
})

describe('a program that comes after the attachment', () => {
  test.each<[Place, number]>([
    ['tcx ingress, last', after],
    ['tcx egress, last', after],
    ['tcx ingress, first', both],
    ['tcx egress, first', both],
    ['native XDP', before],
    ['generic XDP', both],
  ])('%s sees frames, without a loop', async (place, seen) => {
    await join()
    const count = countFrames(own, near, 'inner', place)
    await exchange()
    await expect.poll(count).toBe(seen)
  })
})

/** The C program that wires are compared with delays every frame and counts every packet. */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { beforeAll, expect, test } from 'vitest'
import { ethernet } from '#support/frames.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import type { Child } from '#support/netns.ts'
import { PacketSocket } from '#support/packet-socket.ts'
import { lines } from '#support/traffic.ts'

/** An EtherType for local experiments. */
const LOCAL = 0x88b5
const FRAMES = 20

const { left, right } = freshQuietNamespaces('left', 'right')
const directory = fileURLToPath(new URL('../../build/bench', import.meta.url))

beforeAll(() => {
  const bench = fileURLToPath(new URL('../../bench', import.meta.url))
  execFileSync('make', ['-s', '-C', bench, `BUILD=${directory}`, `${directory}/delay`])
})

interface Started {
  readonly child: Child
  /** Ends it, and returns its counters. */
  end(): Promise<Record<'ab' | 'ba', Record<string, number>>>
}

async function start(...options: string[]): Promise<Started> {
  const child = left.spawn([
    `${directory}/delay`,
    `${left.name}:left`,
    `${right.name}:right`,
    ...options,
  ])
  const output = lines(child)
  await output.until(/^ready$/)
  return {
    child,
    async end() {
      child.kill('SIGTERM')
      return JSON.parse(await output.until(/^\{/))
    },
  }
}

function numbered(i: number): Uint8Array {
  return ethernet(LOCAL, [i, ...Array(45).fill(0)])
}

test('the C program of the bench delivers frames in order, unchanged and not before the delay', async () => {
  const { end } = await start('20000')
  using from = new PacketSocket(left, 'left')
  using to = new PacketSocket(right, 'right')
  const sent = process.hrtime.bigint()
  for (let i = 0; i < FRAMES; i++) {
    from.send(numbered(i))
  }
  await to.until(({ octets }) => octets[14] === FRAMES - 1)
  expect(Number(process.hrtime.bigint() - sent)).toBeGreaterThanOrEqual(20_000_000)
  expect(to.frames.map(({ octets }) => [...octets])).toEqual(
    Array.from({ length: FRAMES }, (_, i) => [...numbered(i)]),
  )
  const { ab, ba } = await end()
  expect(ab).toEqual({ in: FRAMES, out: FRAMES, held: 0, dropped: 0, refused: 0 })
  expect(ba).toMatchObject({ in: 0 })
})

test('the C program of the bench holds as many packets as its limit and counts the others as dropped', async () => {
  const { end } = await start('60000000', '--limit', '5')
  using from = new PacketSocket(left, 'left')
  for (let i = 0; i < FRAMES; i++) {
    from.send(numbered(i))
  }
  expect((await end()).ab).toEqual({ in: FRAMES, out: 0, held: 5, dropped: FRAMES - 5, refused: 0 })
})

test('the C program of the bench refuses wrong arguments with its usage and status 2', async () => {
  for (const words of ['a b', 'a b -1', 'a b 1 --limit x', 'a b 1ms', 'a b 1 c']) {
    const { status, stderr } = await left.run(`${directory}/delay ${words}`)
    expect([words, status]).toEqual([words, 2])
    expect(stderr).toMatch(/^usage: delay /)
  }
})

/** vnet test-from prints the story of a file. */

import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { End, Io } from '#src/cli/process/io.ts'
import { pcapOf, whole } from '#support/capture-records.ts'
import { testDirectory } from '#support/fresh-directory.ts'
import { given } from '#support/given.ts'
import { type TestFromOptions, testFrom } from '../../src/commands/test-from.ts'
import { storyText } from '../../src/story/story-text.ts'
import { flowStory, storyOf } from '../support/stories.ts'
import {
  dataSegment,
  ethernetFrame,
  LOST,
  type Segment,
  segmentPacket,
  storyOfSegments,
} from '../support/story-captures.ts'

const bytesOf = (segments: readonly Segment[]) =>
  pcapOf(
    segments.map(one => whole(ethernetFrame(segmentPacket(one)), { nanoseconds: one.at * 1e6 })),
  )

async function run(bytes: Uint8Array, options: Partial<TestFromOptions> = {}) {
  const printed: string[] = []
  const errors: string[] = []
  const io: Io = {
    out: text => printed.push(text),
    err: text => errors.push(text),
    onEnd: () => () => {},
  }
  const path = join(testDirectory(), 'failed.pcap')
  writeFileSync(path, bytes)
  const status = await testFrom(path, given(options), io)
  return {
    status,
    out: printed.join('').replace(path, 'FILE'),
    errors: errors.join('').replaceAll(path, 'FILE'),
  }
}

test('a bottleneck has its rate, and the wait in its queue if that is known', () => {
  const way = { packets: 300, bytes: 400_000, rate: 2e6, queue: undefined }
  const lines = storyText(
    storyOf(flowStory({ ways: { ab: way, ba: { ...way, queue: 5e6 } } })),
    'x',
    false,
  ).split('\n')
  expect(lines).toContain('  bottleneck > 2 Mbit/s; < 2 Mbit/s, packets waited up to 5 ms')
})

describe('vnet test-from', () => {
  test('prints flows with their statements', async () => {
    const { status, out } = await run(bytesOf(LOST))
    expect(status).toBe(0)
    expect(out.split('\n')).toEqual([
      'FILE: 6 frames in 390 ms from 2023-11-14 22:13:20 UTC, 1 flow',
      '',
      'tcp 198.18.0.1:40000 > 198.18.0.2:80, captured at the client',
      '  1000 bytes in 4 packets > , < 0 in 2; 390 ms, ended by nothing',
      '  round trip to the server 40 ms / 40 ms / 40 ms / 40 ms (min, median, p95, max), to the client 0 s / 0 s / 0 s / 0 s (min, median, p95, max)',
      '      50 ms > segment 1 was lost after this capture, and sent again 300 ms later (inferred, frames 4 5 6)',
      '',
    ])
  })

  test('prints the story as JSON', async () => {
    const { out } = await run(bytesOf(LOST), { json: true })
    const { flows, others } = JSON.parse(out)
    expect(others).toEqual({})
    expect(flows[0].statements[0].packet).toEqual({ part: 'seq', n: 1, copy: 1 })
    expect(flows[0].messages[0].content).toMatch(/^A+=*$/)
  })

  test('prints about twenty lines of many flows, and counts the rest', async () => {
    const flows = Array.from({ length: 40 }, (_, i) =>
      LOST.map(one => ({ ...one, port: 40_000 + i })),
    )
    const segments = flows.flat().sort((a, b) => a.at - b.at)
    const { out } = await run(bytesOf(segments))
    expect(out.split('\n').length).toBeLessThan(22)
    expect(out).toContain('37 more flows with statements: 37 lost')
    const { out: all } = await run(bytesOf(segments), { all: true })
    expect(all.match(/was lost/g)).toHaveLength(40)
  })

  test('reads a pipe to its end after Ctrl-C', async () => {
    const path = join(testDirectory(), 'pipe')
    execFileSync('mkfifo', [path])
    const printed: string[] = []
    let ended: Promise<number> | undefined
    const listens = new Promise<(end: End) => void>(resolve => {
      const onEnd = (fn: (end: End) => void) => {
        resolve(fn)
        return () => {}
      }
      ended = testFrom(path, given({}), { out: text => printed.push(text), err() {}, onEnd })
    })
    const end = await listens
    end({ signal: 'SIGINT' })
    await writeFile(path, bytesOf(LOST))
    expect(await ended).toBe(0)
    expect(printed.join('')).toContain('segment 1 was lost')
  })

  test('prints the story up to a defect, and fails with one line about it', async () => {
    const { status, out, errors } = await run(bytesOf(LOST).subarray(0, -10))
    expect([status, errors]).toEqual([
      1,
      expect.stringMatching(/^vnet: FILE: truncated at byte \d+: [^\n]+\n$/),
    ])
    expect(out).toContain('5 frames')
    expect(out).toContain('the capture ends early')
  })

  test.each([
    ['PPPoE', 0x8864, '4 pppoe'],
    ['MPLS', 0x8847, '4 mpls'],
    ['ARP', 0x0806, '4 arp'],
  ])('fails if all packets are %s, and says that it read none', async (_, type, left) => {
    const { status, errors } = await run(
      pcapOf(Array(4).fill(whole(ethernetFrame(new Uint8Array(60), type)))),
    )
    expect([status, errors]).toEqual([
      1,
      `vnet: FILE: no flow of TCP or UDP over IP; not read: ${left}\n`,
    ])
  })

  test('refuses a file that is not a capture', async () => {
    const { status, errors } = await run(Buffer.from('hello world'))
    const begin = 'vnet: FILE: neither pcap nor pcapng: it begins with the bytes 68656c6c'
    expect([status, errors]).toEqual([
      1,
      `${begin}; if Wireshark reads it, \`editcap -F pcapng IN OUT\` converts it\n`,
    ])
  })
})

test('flows with statements are kept first, and the others are counted', () => {
  const quiet = Array.from({ length: 1100 }, (_, i) => ({ ...dataSegment(i), port: 1025 + i }))
  const { flows, forgotten } = storyOfSegments([
    ...quiet,
    ...LOST.map(one => ({ ...one, at: one.at + 2000 })),
  ])
  expect([flows.length, forgotten]).toEqual([1000, 101])
  expect(flows.filter(({ statements }) => statements.length > 0)).toHaveLength(1)
})

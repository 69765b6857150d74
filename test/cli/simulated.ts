/** Captures for vnet simulate, and its results. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { type CapturedPacket, TC_ACT_SHOT, VERDICT_TC } from '#src/capture/packet.ts'
import { pcapngOf, pcapOf, recordsIn, whole } from '#support/capture-records.ts'
import { fileDirectory } from '#support/fresh-directory.ts'
import { runMain } from '#support/run-main.ts'
import { plainFrame } from '#support/wire.ts'

const SECONDS = 1_700_000_000
const MS = 1e6

/** A packet `ms` after the first. */
export function packet(ms: number, more: Partial<CapturedPacket> = {}): CapturedPacket {
  return whole(plainFrame(100).fill(0xaa, 14), { nanoseconds: 5 + ms * MS, ...more })
}

/** A packet of IPv4 with this identification and time to live. */
export function ipPacket(ms: number, id: number, ttl: number): CapturedPacket {
  const bytes = plainFrame(100).fill(0, 14)
  bytes.set([8, 0, 0x45, 0, 0, 86, id >> 8, id & 255, 0x40, 0, ttl, 17, ttl, ttl], 12)
  return packet(ms, { bytes })
}

/** The packets of a capture. */
export function packetsOf(path: string) {
  const packets = []
  for (const record of recordsIn(path)) {
    const { seconds, nanoseconds, interfaceIndex, originalLength, frame } = record
    packets.push({
      ms: (seconds - SECONDS) * 1000 + (nanoseconds - 5) / MS,
      interfaceIndex,
      originalLength,
      frame: [...frame],
    })
  }
  return packets
}

/** Returns the stages that `--json` prints. */
export const stagesOf = (stdout: string) =>
  stdout
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line))

/** Writes files to a directory of the test file. Call it once in a test file. */
export function simulations() {
  const directory = fileDirectory()
  const at = (name: string) => join(directory, name)
  const written = (name: string, data: string | Uint8Array) => {
    writeFileSync(at(name), data)
    return at(name)
  }
  /** Writes a capture of four interfaces, and returns its path. */
  const pcapng = (name: string, packets: readonly CapturedPacket[], linkType = 1) =>
    written(name, pcapngOf(packets, Array(4).fill({ linkType })))
  return {
    at,
    pcap: (name: string, packets: readonly CapturedPacket[]) => written(name, pcapOf(packets)),
    pcapng,
    scenario: written,
    /** A capture of a hundred packets and two drops, one with each of these reasons. */
    withDrops(name: string, ...reasons: string[]) {
      const drops = reasons.map((reason, i) =>
        packet(200 + i, {
          comments: [`dropped: ${reason}`],
          verdict: TC_ACT_SHOT,
          verdictType: VERDICT_TC,
        }),
      )
      return pcapng(name, [...Array.from({ length: 100 }, (_, i) => packet(i)), ...drops])
    },
    /** A file with stages, one of which works. */
    stageFile: () =>
      written(
        'my.mjs',
        `export function half(next, env) {
          let n = 0
          return { push: skb => (++n % 2 === 0 ? env.drop(skb, 'half') : next.push(skb)) }
        }
        export const flat = () => ({})
        export const number = 5\n`,
      ),
    async simulate(...args: string[]): Promise<string> {
      const { status, stdout, stderr } = await runMain('simulate', ...args)
      expect([status, stderr]).toEqual([0, ''])
      return stdout
    },
  }
}

/**
 * Compares the verdicts of an exploration in memory with its verdicts in the kernel, point by
 * point. A difference is known if a row of DIFFERENCES has it; the same rows are in
 * packages/lab/records/hunted.md.
 */
import type { ExploredPacket } from '../../src/explore/points.ts'
import type { ExploreReport } from '../../src/explore/report.ts'
import type { Verdict } from '../../src/explore/result.ts'

/** The compared parts of a report. */
type Explored = Pick<ExploreReport, 'packets' | 'kinds' | 'points'>

/** What became of a fault. `none`: this world has no such packet in each clean run. */
type Result = Verdict | 'none'

/** A known difference. */
interface Difference {
  /** The names of the packets. */
  readonly packet: RegExp
  readonly memory: readonly Result[]
  readonly kernel: readonly Result[]
  /** The largest share of the points of a protocol that may differ so. */
  readonly most: number
  readonly cause: string
}

const DIFFERENCES: readonly Difference[] = [
  {
    packet: / ack \d+$/,
    memory: ['passed', 'none'],
    kernel: ['passed', 'none', 'missed'],
    most: 0.25,
    cause:
      'Linux delays acknowledgments in real time, so that not all clean runs have the same ones. In memory all have, ' +
      'but a lab there ends at the moment of its scenario, before the acknowledgment of the last segment.',
  },
  {
    packet: / seq 0$/,
    memory: ['slower'],
    kernel: ['passed'],
    most: 0.1,
    cause:
      'A SYN is repeated after 1 s in both worlds. On a busy machine that is less than twice a clean run.',
  },
  {
    packet: /./,
    memory: ['passed'],
    kernel: ['slower'],
    most: 0.1,
    cause: 'In the kernel, other work on the machine adds to the time of a run.',
  },
  {
    // The FINs of http2.mjs in the kernel, after 17 bytes more.
    packet: /:80 seq 117$|:80 > client:\* seq 141$/,
    memory: ['none'],
    kernel: ['passed', 'slower'],
    most: 0.11,
    cause:
      'An HTTP/2 session that is destroyed sends GOAWAY once more if its last write has ended, as it has in the kernel.',
  },
]

/** A fault of a packet, with its results in both worlds. */
interface Pair {
  readonly packet: string
  readonly kind: string
  readonly memory: Result
  readonly kernel: Result
}

/** Returns a line for each difference that is not known, or too frequent. */
export function unknownDifferences(memory: Explored, kernel: Explored): string[] {
  const pairs = pairsOf(memory, kernel)
  const counts = new Map<Difference, number>()
  const unknown = pairs.filter(pair => {
    if (pair.memory === pair.kernel) return false
    const row = DIFFERENCES.find(each => isKnown(each, pair))
    if (row === undefined) return true
    counts.set(row, (counts.get(row) ?? 0) + 1)
    return counts.get(row)! > row.most * pairs.length
  })
  return unknown.map(
    pair => `${pair.kind} ${pair.packet}: ${pair.memory} in memory, ${pair.kernel} in the kernel`,
  )
}

function isKnown({ packet, memory, kernel }: Difference, pair: Pair): boolean {
  return packet.test(pair.packet) && memory.includes(pair.memory) && kernel.includes(pair.kernel)
}

/** Returns the points of both worlds, in pairs of the same fault of the same packet. */
function pairsOf(memory: Explored, kernel: Explored): Pair[] {
  const ofMemory = memory.packets.flatMap(packet =>
    pairsWith(packet, memory, samePacket(packet, kernel.packets), kernel),
  )
  const alone = kernel.packets.filter(packet => samePacket(packet, memory.packets) === undefined)
  const ofKernel = alone.flatMap(packet => pairsWith(packet, kernel, undefined, memory))
  return [
    ...ofMemory,
    ...ofKernel.map(pair => ({ ...pair, memory: pair.kernel, kernel: pair.memory })),
  ]
}

/** `memory` is the result of `packet` in `report`, `kernel` the result of `other` in `others`. */
function pairsWith(
  packet: ExploredPacket,
  report: Explored,
  other: ExploredPacket | undefined,
  others: Explored,
): Pair[] {
  return report.kinds.map(({ text }, kind) => ({
    packet: packet.name,
    kind: text,
    memory: resultOf(report, packet, kind),
    kernel: other === undefined ? 'none' : resultOf(others, other, kind),
  }))
}

function resultOf({ packets, points }: Explored, packet: ExploredPacket, kind: number): Result {
  const index = packets.indexOf(packet)
  return points.find(point => point.packet === index && point.kind === kind)?.verdict ?? 'none'
}

/**
 * Returns the packet that is called the same, or the segment with the most of the same bytes: both
 * worlds may cut them into other segments, and some texts have another length in each run.
 */
function samePacket(
  packet: ExploredPacket,
  others: readonly ExploredPacket[],
): ExploredPacket | undefined {
  const { direction, flow, part, n, copy } = packet
  const alike = others.filter(each => {
    return (
      each.direction === direction && each.flow === flow && each.part === part && each.copy === copy
    )
  })
  if (part !== 'seq') return alike.find(each => each.n === n)
  const shared = (each: ExploredPacket) => Math.min(each.end, packet.end) - Math.max(each.n, n)
  return alike.filter(each => shared(each) > 0).sort((a, b) => shared(b) - shared(a))[0]
}

/** The rows of a sequence diagram, with a column for each host. */
import { Html, html } from 'vnet/kit/base'
import { hostsOfFlow } from '../model/packet-name.ts'
import type { ResultPacket } from './result.ts'

/** Units of a column and of a row: pixels, except where a screen is narrow. */
export const COLUMN = 180
export const ROW = 40

const centre = (column: number) => column * COLUMN + COLUMN / 2

/** Returns a row: the line of each host above `marks`. */
export function rowOf(hosts: readonly string[], marks: readonly (Html | undefined)[]): Html {
  const lines = hosts.map((_, i) => html`<path class="host" d="M${centre(i)} 0V${ROW}"/>`)
  return html`<svg aria-hidden="true" viewBox="0 0 ${hosts.length * COLUMN} ${ROW}" preserveAspectRatio="none">${lines}${marks}</svg>`
}

/** Returns the arrow of a packet from one column to another, crossed out if a fault has hit it. */
export function arrow(from: number, to: number, isHit = false): Html {
  const [y, head] = [ROW - 12, from < to ? -8 : 8]
  const [x1, x2] = [centre(from), centre(to)]
  const cross = html`<path class="cross" d="M${(x1 + x2) / 2 - 6} ${y - 6}l12 12m0 -12l-12 12"/>`
  return html`<g${isHit ? new Html(' class="hit"') : undefined}>
<path class="line" d="M${x1} ${y}H${x2}"/><path class="head" d="M${x2} ${y}l${head} -5v10z"/>${
    isHit ? cross : undefined
  }</g>`
}

/** Returns a bar on the line of a host, or from one host to another, between two heights. */
export function bar(
  [from, to = from]: readonly number[],
  [top, bottom]: readonly [number, number],
): Html {
  const width = 12
  const [left, right] = [Math.min(from ?? 0, to ?? 0), Math.max(from ?? 0, to ?? 0)]
  const x = left === right ? centre(left) - width / 2 : centre(left)
  const kind = left === right ? 'bar' : 'bar wide'
  return html`<rect class="${kind}" x="${x}" y="${top}" width="${left === right ? width : centre(right) - x}" height="${bottom - top}"/>`
}

/** The parts of a connection, its protocol and its ends, that may name it: as few as possible. */
const PARTS: readonly (readonly number[])[] = [[0], [1], [2], [0, 1], [0, 2], [1, 2], [0, 1, 2]]

type OfFlow = Pick<ResultPacket, 'link' | 'direction' | 'flow'>

/**
 * Returns a function that returns the start of a packet's label: its direction, `ab `, after what
 * differs between the connections of its link, as in `client:*#2 ab ` or `icmp ab `.
 */
export function connectionNames(packets: readonly OfFlow[]): (packet: OfFlow) => string {
  const choicesOf = ({ link, flow }: OfFlow) => {
    const [protocol, from = '', , to = ''] = flow.split(' ')
    const parts = [protocol, ...[from, to].sort()]
    const texts = PARTS.map(choice => choice.map(part => `${parts[part]} `).join(''))
    return ['', ...texts].map((text, i) => ({ text, key: `${link} ${i} ${text}` }))
  }
  const connections = new Map(
    packets.map(packet => choicesOf(packet)).map(choices => [choices.at(-1)?.key, choices]),
  )
  const counts = new Map<string, number>()
  for (const { key } of [...connections.values()].flat()) {
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  return packet =>
    `${choicesOf(packet).find(({ key }) => counts.get(key) === 1)?.text ?? ''}${packet.direction} `
}

type Named = Pick<ResultPacket, 'link' | 'direction'>

/** Returns the hosts of the packets' flows. */
export function knownHosts(packets: readonly Pick<ResultPacket, 'flow'>[]): ReadonlySet<string> {
  return new Set(packets.flatMap(({ flow }) => hostsOfFlow(flow)))
}

/**
 * Returns the sending and the receiving host of a packet. Links are named by their ends,
 * `client-server`, or `client-server.2`. A hyphen may belong to a host, too: the known hosts
 * decide.
 */
export function endsOf(
  { link, direction }: Named,
  known: ReadonlySet<string>,
): [from: string, to: string] {
  const name = link.replace(/\.\d+$/, '')
  const splits = [...name.matchAll(/-/g)].map(({ index }): [string, string] => {
    return [name.slice(0, index), name.slice(index + 1)]
  })
  const count = (ends: readonly string[]) => ends.filter(end => known.has(end)).length
  const [[a, b] = [name, '']] = splits.sort((one, other) => count(other) - count(one))
  return direction === 'ab' ? [a, b] : [b, a]
}

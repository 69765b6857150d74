/** The ends of a link, by its name. */
import type { ResultPacket } from './result.ts'

type Named = Pick<ResultPacket, 'link' | 'direction' | 'flow'>

/**
 * Returns the sending and the receiving host of a packet. Links are named by their ends,
 * `client-server`, or `client-server.2`. A hyphen may belong to a host, too: the hosts of
 * flows decide.
 */
export function endsOf({ link, direction }: Named, packets: readonly Named[]): [from: string, to: string] {
  const known = new Set(packets.flatMap(({ flow }) => hostsOf(flow)))
  const name = link.replace(/\.\d+$/, '')
  const splits = [...name.matchAll(/-/g)].map(({ index }): [string, string] => {
    return [name.slice(0, index), name.slice(index + 1)]
  })
  const count = (ends: readonly string[]) => ends.filter(end => known.has(end)).length
  const [[a, b] = [name, '']] = splits.sort((one, other) => count(other) - count(one))
  return direction === 'ab' ? [a, b] : [b, a]
}

/** Returns the hosts of `tcp client:*#2 > server:80`. */
function hostsOf(flow: string): string[] {
  const [, from = '', , to = ''] = flow.split(' ')
  return [from, to].map(end => end.replace(/(:[^:]*)?(#\d+)?$/, ''))
}

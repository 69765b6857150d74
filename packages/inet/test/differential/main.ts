/** The command: see scripts/inet-differential.mjs. */
import { build, parseLayers } from '../../../conform/src/layers.ts'
import { differences, Pair, report, Shrinker } from './differences.ts'
import { compare, ExchangeHosts, reportExchange, shrunkExchange } from './exchange-hosts.ts'
import { ExchangeSource } from './exchanges.ts'
import { STATIONS } from './hosts.ts'
import { textOf } from './packets.ts'

/** Prints the differences of a seed, each simplest form once and at most `limit` of them. */
export function runPackets(
  seed: number,
  count: number,
  limit: number,
  print: (text: string) => void,
): number {
  let found = 0
  const seen = new Set<string>()
  const shrinker = new Shrinker()
  for (const { nth, difference } of differences(seed, count)) {
    found++
    if (seen.size >= limit) continue
    const simple = shrinker.shrink(difference)
    const key = simple.packets.map(textOf).join()
    if (!seen.has(key)) {
      print(`seed ${seed}, case ${nth}:\n${report(simple)}`)
    }
    seen.add(key)
  }
  shrinker.close()
  return found
}

/** Returns what is wrong in the text of a packet; undefined if nothing is. */
export function wrongPacket(text: string): string | undefined {
  try {
    build({ stations: STATIONS, port: 40_000, sent: new Uint8Array(0) }, parseLayers(text))
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

/** Sends packets of the notation to new hosts, and prints the replies of both. */
export function sendPackets(texts: readonly string[], print: (text: string) => void): void {
  const pair = new Pair()
  try {
    for (const text of texts) {
      const { linux, memory } = pair.replies(text)
      print(
        `send ${text}\n    linux: ${linux.join('; ') || 'nothing'}\n    memory: ${memory.join('; ') || 'nothing'}`,
      )
    }
  } finally {
    pair.close()
  }
}

/** Same as `runPackets`, with exchanges of TCP. */
export async function runExchanges(
  seed: number,
  count: number,
  limit: number,
  print: (text: string) => void,
): Promise<number> {
  let found = 0
  const seen = new Set<string>()
  const hosts = new ExchangeHosts()
  try {
    for (let nth = 0; nth < count; nth++) {
      const difference = await compare(hosts, new ExchangeSource(seed, nth).draw())
      if (difference === undefined) continue
      found++
      if (seen.size >= limit) continue
      const text = reportExchange(await shrunkExchange(hosts, difference))
      if (!seen.has(text)) {
        print(`seed ${seed}, exchange ${nth}:\n${text}`)
      }
      seen.add(text)
    }
  } finally {
    hosts.close()
  }
  return found
}

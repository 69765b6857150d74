/** A note about filters that match less than their author may think. */

/** Returns a line about a filter that never matches IPv6, though both families may be meant. */
export function noteOfFilter(filter: string): string | undefined {
  const [indexed] = /\b(tcp|udp)\s*\[/.exec(filter) ?? []
  if (indexed === undefined) return undefined
  const instead = 'match syn and words such as port match both families'
  return `${indexed}...] in a filter never matches IPv6 (pcap-filter(7)): ${instead}`
}

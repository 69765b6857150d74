/** Text that repeats a failure: the fault of a link, the spec of a wire, and a test. */
import { formatDuration } from '../../base/duration.ts'
import { print } from '../../packet/print.ts'
import type { PlannedFault } from '../lab/watch/packet-name.ts'
import { formatFault } from './fault-text.ts'
import type { ExploredPacket } from './points.ts'

/** A fault in the words of a wire, which counts the packets of a filter. */
export interface WireFault {
  readonly link: string
  readonly direction: string
  readonly filter: string
  readonly nth: number
  /** `drop "tcp dst port 80" nth 2` */
  readonly wire: string
  /** `await link.ab.fault('drop', 'tcp dst port 80', { nth: 2 })` */
  readonly code: string
}

/** Returns the line of tcpdump for a packet. */
export function bareText({ head, length }: ExploredPacket): string {
  const long = new Uint8Array(Math.max(head.length, length))
  long.set(head)
  return print(long, 0, length)
}

/** Returns the same after the seconds since the first packet, and the link. */
export function packetText(packet: ExploredPacket): string {
  const { at, link, direction } = packet
  return `${(at / 1000).toFixed(6)} ${link} ${direction} ${bareText(packet)}`
}

/** Returns the words of a wire for a fault; undefined if `packets`, a run, do not have it. */
export function wireFaultOf(fault: PlannedFault, packets: readonly ExploredPacket[]): WireFault | undefined {
  const target = packetOf(fault, packets)
  if (target === undefined) return undefined
  const filter = filterOf(fault)
  const alike = packets.filter(
    each => each.link === fault.link && each.direction === fault.direction && filterOf(each) === filter,
  )
  const nth = alike.indexOf(target) + 1
  const { verb, time, link, direction } = fault
  const wire = `${verb}${verb === 'delay' ? ` ${formatDuration(time)}` : ''} "${filter}" nth ${nth}`
  const action = verb === 'delay' ? `{ delay: '${formatDuration(time)}' }` : `'${verb}'`
  const code = `await link.${direction}.fault(${action}, '${filter}', { nth: ${nth} })`
  return { link, direction, filter, nth, wire, code }
}

/** Returns the packet of a run that a fault means. */
export function packetOf(fault: PlannedFault, packets: readonly ExploredPacket[]): ExploredPacket | undefined {
  return packets.find(packet => packet.link === fault.link && isNamed(packet, fault))
}

function isNamed({ direction, flow, part, n, end, copy }: ExploredPacket, fault: PlannedFault): boolean {
  if (direction !== fault.direction || flow !== fault.flow || part !== fault.part || copy !== fault.copy) return false
  return part === 'seq' ? n <= fault.n && fault.n < end : n === fault.n
}

/** Returns a filter for the flows that look like the flow of a packet. */
function filterOf({ flow }: { readonly flow: string }): string {
  const [protocol = '', from = '', , to = ''] = flow.split(' ')
  const portOf = (end: string) => /:(\d+)(?:#\d+)?$/.exec(end)?.[1]
  const [source, destination] = [portOf(from), portOf(to)]
  if (protocol.startsWith('ip-')) return `ip proto ${protocol.slice(3)}`
  if (protocol === 'fragment') return 'ip[6:2] & 0x1fff != 0'
  if (destination !== undefined) return `${protocol} dst port ${destination}`
  return source === undefined ? protocol : `${protocol} src port ${source}`
}

/** Returns a vitest test that fails as long as the program does. */
export function testText(module: string | undefined, faults: readonly PlannedFault[], timeout: number): string {
  const [first] = faults
  const title = faults.length === 1 && first !== undefined ? formatFault(first) : `${faults.length} faults`
  const scenario = module === undefined ? 'scenario' : quote(module)
  return [
    "import { test } from 'vitest'",
    "import { explore } from 'vnet/testing'",
    ...(module === undefined ? ['', '// const scenario = async ({ lab, signal }) => { ... }'] : []),
    '',
    `test(${quote(`survives: ${title}`)}, async () => {`,
    `  await explore.repeat(${scenario}, [`,
    ...faults.map(fault => `    ${quote(formatFault(fault))},`),
    `  ], { timeout: ${Math.round(timeout)} })`,
    `}, ${Math.round(timeout) + 10_000})`,
  ].join('\n')
}

function quote(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`
}

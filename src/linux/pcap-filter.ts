/**
 * Filters in the language of pcap-filter(7), compiled by libpcap where it is installed, and
 * otherwise, as on other systems than Linux, by packet/filter-expression.ts. libpcap only compiles:
 * the program is copied, checked, and run by packet/bpf.ts. The library is opened at the first
 * filter, by its soname, so that ld.so finds it in the system's directories.
 */
import { didYouMean, explain, printable, UsageError, VnetError } from '../base/index.ts'
import { getU32, getU64 } from '../netlink/host-order.ts'
import { decodeProgram, INSTRUCTION_LEN } from '../netlink/sock-filter.ts'
import {
  type BpfInstruction,
  BpfProgram,
  type CompiledFilter,
  packetFilter,
} from '../packet/bpf.ts'
import { CONSTANTS } from '../packet/filter-arithmetic.ts'
import { compileExpression } from '../packet/filter-expression.ts'
import { copyMemory, findLibrary, type SharedLibrary } from './ffi.ts'
import { whyNotLinux } from './native.ts'
import { LIBPCAP_MISSING } from './requirements.ts'

/** The second is the name in Debian and Ubuntu. */
const SONAMES: readonly string[] = ['libpcap.so.1', 'libpcap.so.0.8']
const LINUX_ONLY = 'libpcap is used on Linux only'

const DLT_EN10MB = 1
const SNAPLEN = 65535
const OPTIMIZE = 1
const PCAP_NETMASK_UNKNOWN = 0xffffffff
const PCAP_ERRBUF_SIZE = 256
/** struct bpf_program { u_int bf_len; struct bpf_insn *bf_insns } */
const PROGRAM_LEN = 16
const INSNS_AT = 8

/**
 * Longest text, in characters. The time of libpcap's optimizer grows with the cube of the number of
 * terms: 1,000 characters take about a second at worst, 10,000 take minutes.
 */
const TEXT_MAX = 1000
/** Longest text that is compiled in some 10 ms at worst. */
const NUMERIC_MAX = 200

/**
 * Compiles a filter of Ethernet frames. It blocks to look up names. Throws a UsageError. Without
 * `optimize`, libpcap's program reads all bytes that the text names.
 */
export function compileFilter(
  text: string,
  sonames = SONAMES,
  optimize = OPTIMIZE,
): CompiledFilter {
  if (text.length > TEXT_MAX) {
    throw new UsageError(`a filter has at most ${TEXT_MAX} characters, not ${text.length}`)
  }
  // For libpcap the text would end there.
  if (text.includes('\0')) throw refused(text, 'NUL in the text')
  const libpcap = findLibpcap(sonames)
  if (typeof libpcap === 'string') return compileWithout(text, libpcap)
  const pcap = libpcap.address('pcap_open_dead', DLT_EN10MB, SNAPLEN)
  if (pcap === 0n) throw refused(text, 'out of memory')
  try {
    return packetFilter(text, new BpfProgram(compile(libpcap, pcap, text, optimize)))
  } catch (error) {
    throw error instanceof RangeError ? refused(text, error.message) : error
  } finally {
    libpcap.int('pcap_close', pcap)
  }
}

/** Compiles what is possible without libpcap. `why` is the reason. */
function compileWithout(text: string, why: string): CompiledFilter {
  try {
    return packetFilter(text, new BpfProgram(compileExpression(text)))
  } catch (error) {
    throw error instanceof RangeError ? refused(text, `${error.message}; ${why}`) : error
  }
}

/** Like compileFilter, but never blocks: refuses long texts, and names, which it would look up. */
export function compileNumericFilter(text: string): CompiledFilter {
  if (text.length > NUMERIC_MAX) {
    throw new UsageError(`a filter has at most ${NUMERIC_MAX} characters here`)
  }
  const name = nameIn(text)
  if (name === undefined) return compileFilter(text)
  throw refused(
    text,
    `'${name}' is not a word of pcap-filter(7), and names are not looked up here: write numbers`,
  )
}

/** The words of pcap-filter(7) that name neither a host nor a port nor a protocol to look up. */
const WORDS = new Set([
  ...Object.keys(CONSTANTS),
  ...`host net port portrange src dst and or not ether ip ip6 arp rarp tcp udp icmp icmp6 sctp igmp igrp pim ah esp vrrp
  proto protochain broadcast multicast less greater len mask gateway vlan mpls pppoed pppoes geneve vxlan
  inbound outbound llc aarp atalk carp clnp decnet esis ipx isis iso lat mopdl moprc netbeui sca stp`.split(
    /\s+/,
  ),
])
const NUMBER = /^(\d[\d.]*|0x[0-9a-f]+|[0-9a-f]*:[0-9a-f:.]*|\d+-\d+)$/i

/** Returns a word of a filter that would be looked up; undefined if it has none. */
export function nameIn(filter: string): string | undefined {
  const words = filter.split(/[\s()[\]&|!<>=+*/^%,]+/).filter(word => word !== '' && word !== '-')
  return words.find(word => !WORDS.has(word.toLowerCase()) && !NUMBER.test(word))
}

/** Returns why libpcap compiles no filters here, undefined if it does. */
export function whyNoLibpcap(): string | undefined {
  const found = findLibpcap(SONAMES)
  return typeof found === 'string' ? found : undefined
}

/** Opens the first installed library. Returns the reason if it finds no library. */
function findLibpcap(sonames: readonly string[]): SharedLibrary | string {
  if (whyNotLinux() !== undefined) return LINUX_ONLY
  try {
    return findLibrary(sonames) ?? LIBPCAP_MISSING
  } catch (error) {
    if (error instanceof VnetError) return explain(error)
    throw error
  }
}

function compile(
  libpcap: SharedLibrary,
  pcap: bigint,
  text: string,
  optimize: number,
): BpfInstruction[] {
  const program = Buffer.alloc(PROGRAM_LEN)
  const words = Buffer.from(`${text}\0`)
  if (libpcap.int('pcap_compile', pcap, program, words, optimize, PCAP_NETMASK_UNKNOWN) !== 0) {
    throw refused(text, withHint(text, lastError(libpcap, pcap)))
  }
  try {
    return decodeProgram(
      copyMemory(getU64(program, INSNS_AT), getU32(program, 0) * INSTRUCTION_LEN),
    )
  } finally {
    libpcap.int('pcap_freecode', program)
  }
}

/** The message of pcap_geterr, without its prefix for syntax errors. */
function lastError(libpcap: SharedLibrary, pcap: bigint): string {
  const buffer = copyMemory(libpcap.address('pcap_geterr', pcap), PCAP_ERRBUF_SIZE)
  const message = buffer.toString('utf8', 0, buffer.indexOf(0))
  return message.replace(/^can't parse filter expression: /, '')
}

/** Adds the word that libpcap does not know, and the word that is meant. */
function withHint(text: string, reason: string): string {
  const word = reason === 'syntax error' ? nameIn(text) : undefined
  return word === undefined
    ? reason
    : `${reason}: '${word}' is not a word of pcap-filter(7)${didYouMean(word, WORDS)}`
}

function refused(text: string, reason: string): UsageError {
  return new UsageError(printable(`filter '${text}': ${reason}`))
}

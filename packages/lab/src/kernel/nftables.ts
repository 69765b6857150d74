/**
 * Rules of the kernel's packet filter (nf_tables), as nft(8) adds them: tables, chains, and rules
 * made of expressions. See include/uapi/linux/netfilter/{nf_tables,nfnetlink}.h. The JSON beside
 * this has the attributes of each expression from there: NFTA_CMP_OP is OP of cmp.
 */
import { tcp, VnetError } from 'vnet'
import { check, closing } from 'vnet/kit/linux'
import { uapi } from 'vnet/kit/net'
import { netlink } from 'vnet/kit/netlink'
import { long, word } from 'vnet/kit/packet'
import type { SocketPlace } from '../model/place.ts'

const NETLINK_NETFILTER = 12
const NFNL_MSG_BATCH_BEGIN = 0x10
const NFNL_MSG_BATCH_END = 0x11
const NFNL_SUBSYS_NFTABLES = 10
const NLM_F_APPEND = 0x800

const NFT_MSG_NEWTABLE = 0xa00
const NFT_MSG_NEWCHAIN = 0xa03
const NFT_MSG_NEWRULE = 0xa06
const NFT_MSG_GETRULE = 0xa07
const NFTA_TABLE_NAME = 1
const NFTA_CHAIN_TABLE = 1
const NFTA_CHAIN_NAME = 3
const NFTA_CHAIN_HOOK = 4
const NFTA_CHAIN_TYPE = 7
const NFTA_HOOK_HOOKNUM = 1
const NFTA_HOOK_PRIORITY = 2
const NFTA_RULE_TABLE = 1
const NFTA_RULE_CHAIN = 2
const NFTA_RULE_EXPRESSIONS = 4
const NFTA_LIST_ELEM = 1
const NFTA_EXPR_NAME = 1
const NFTA_EXPR_DATA = 2

// Values of attributes.
const NFT_META_MARK = 3
const NFT_META_IIFNAME = 6
const NFT_META_OIFNAME = 7
const NFT_META_NFPROTO = 15
const NFT_META_L4PROTO = 16

const NFT_CT_STATE = 0
const NFT_CT_STATUS = 2
const NFT_CMP_EQ = 0
const NFT_CMP_NEQ = 1
const NFT_PAYLOAD_NETWORK_HEADER = 1
const NFT_PAYLOAD_TRANSPORT_HEADER = 2
const NFT_NAT_DNAT = 1
const NFPROTO_UNSPEC = 0
const NFT_EXTHDR_F_PRESENT = 1
const NEXTHDR_FRAGMENT = 44
const NFT_FIB_RESULT_OIFNAME = 2
const NFTA_FIB_F_DADDR = 2
const NFTA_DATA_VALUE = 1
const NFTA_DATA_VERDICT = 2
const NFTA_VERDICT_CODE = 1
const NFT_REG_VERDICT = 0
const NFT_REG_1 = 1
const NFT_REG_2 = 2
const NF_DROP = 0
const NF_ACCEPT = 1
const IFNAMSIZ = 16
const IPS_DST_NAT = 32
const CT_ESTABLISHED_OR_RELATED = 6

/** The attributes of each expression, NFTA_EXPRESSION_NAME, by their names. */
const EXPRESSIONS = {
  bitwise: { SREG: 1, DREG: 2, LEN: 3, MASK: 4, XOR: 5 },
  cmp: { SREG: 1, OP: 2, DATA: 3 },
  counter: { BYTES: 1, PACKETS: 2 },
  ct: { DREG: 1, KEY: 2 },
  exthdr: { DREG: 1, TYPE: 2, OFFSET: 3, LEN: 4, FLAGS: 5 },
  fib: { DREG: 1, RESULT: 2, FLAGS: 3 },
  immediate: { DREG: 1, DATA: 2 },
  masq: {},
  meta: { DREG: 1, KEY: 2, SREG: 3 },
  nat: { TYPE: 1, FAMILY: 2, REG_ADDR_MIN: 3, REG_PROTO_MIN: 5 },
  notrack: {},
  payload: { DREG: 1, BASE: 2, OFFSET: 3, LEN: 4 },
  redir: { REG_PROTO_MIN: 1 },
  tproxy: { FAMILY: 1, REG_ADDR: 2, REG_PORT: 3 },
} as const

export const NFPROTO_INET = 1
export const NFPROTO_IPV4 = 2
export const NFPROTO_IPV6 = 10

/** A part of a rule: matches packets, or decides on packets that match all parts before it. */
export type NftExpr = (rule: netlink.MessageBuilder) => void

/** A chain and the rules that are added to it. A rule is a list of expressions. */
export interface NftChain {
  readonly name: string
  readonly type: 'filter' | 'nat'
  /** NF_INET_*, and NF_IP_PRI_*. */
  readonly hook: number
  readonly priority: number
  readonly rules: readonly (readonly NftExpr[])[]
  /** Whether the rules precede the chain's present ones. */
  readonly first?: boolean
}

/** Where rules of each kind are: NF_INET_* and NF_IP_PRI_* of include/uapi/linux/netfilter*.h. */
/** Before the kernel reassembles fragments. */
export const FRAGMENTS = { name: 'fragments', type: 'filter', hook: 0, priority: -450 } as const
/** Before the kernel tracks connections: of packets that arrive, and of this machine's. */
export const RAW = [
  { name: 'raw', type: 'filter', hook: 0, priority: -300 },
  { name: 'raw-output', type: 'filter', hook: 3, priority: -300 },
] as const
/** Before packets are routed. */
export const MANGLE = { name: 'mangle', type: 'filter', hook: 0, priority: -150 } as const
export const PREROUTING = { name: 'prerouting', type: 'nat', hook: 0, priority: -100 } as const
/** Packets of the machine itself. */
export const OUTPUT = { name: 'output', type: 'nat', hook: 3, priority: -100 } as const
export const INPUT = { name: 'input', type: 'filter', hook: 1, priority: 0 } as const
export const FORWARD = { name: 'forward', type: 'filter', hook: 2, priority: 0 } as const
export const POSTROUTING = { name: 'postrouting', type: 'nat', hook: 4, priority: 100 } as const

export const iif = (name: string): NftExpr =>
  matchMeta(NFT_META_IIFNAME, nameBytes(name), NFT_CMP_EQ)
export const notIif = (name: string): NftExpr =>
  matchMeta(NFT_META_IIFNAME, nameBytes(name), NFT_CMP_NEQ)
export const oif = (name: string): NftExpr =>
  matchMeta(NFT_META_OIFNAME, nameBytes(name), NFT_CMP_EQ)
export const notOif = (name: string): NftExpr =>
  matchMeta(NFT_META_OIFNAME, nameBytes(name), NFT_CMP_NEQ)
export const family = (nfproto: number): NftExpr =>
  matchMeta(NFT_META_NFPROTO, Uint8Array.of(nfproto), NFT_CMP_EQ)
export const protocol = (ipproto: number): NftExpr =>
  matchMeta(NFT_META_L4PROTO, Uint8Array.of(ipproto), NFT_CMP_EQ)
export const notProtocol = (ipproto: number): NftExpr =>
  matchMeta(NFT_META_L4PROTO, Uint8Array.of(ipproto), NFT_CMP_NEQ)
/** Matches fragments of IPv4 and of IPv6 packets. */
export const FRAGMENT4: NftExpr = rule => {
  matchMeta(NFT_META_NFPROTO, Uint8Array.of(NFPROTO_IPV4), NFT_CMP_EQ)(rule)
  // More fragments, and the offset.
  payload(rule, NFT_PAYLOAD_NETWORK_HEADER, 6, 2)
  mask(rule, Uint8Array.of(0x3f, 0xff))
  compare(rule, NFT_CMP_NEQ, new Uint8Array(2))
}
export const FRAGMENT6: NftExpr = rule => {
  matchMeta(NFT_META_NFPROTO, Uint8Array.of(NFPROTO_IPV6), NFT_CMP_EQ)(rule)
  const TYPE = Uint8Array.of(NEXTHDR_FRAGMENT)
  expression(rule, 'exthdr', {
    DREG: NFT_REG_1,
    TYPE,
    OFFSET: 0,
    LEN: 1,
    FLAGS: NFT_EXTHDR_F_PRESENT,
  })
  compare(rule, NFT_CMP_EQ, Uint8Array.of(1))
}
/** Matches packets of connections that are known, and errors about them. */
export const KNOWN: NftExpr = rule => matchCt(rule, NFT_CT_STATE, CT_ESTABLISHED_OR_RELATED)
/** Matches packets of connections with a translated destination. */
export const FORWARDED: NftExpr = rule => matchCt(rule, NFT_CT_STATUS, IPS_DST_NAT)
export const dport = (port: number): NftExpr =>
  matchPayload(NFT_PAYLOAD_TRANSPORT_HEADER, 2, Uint8Array.from(word(port)))
export const icmpType = (type: number): NftExpr =>
  matchPayload(NFT_PAYLOAD_TRANSPORT_HEADER, 0, Uint8Array.of(type))
export const daddr4 = (address: number): NftExpr =>
  matchPayload(NFT_PAYLOAD_NETWORK_HEADER, 16, Uint8Array.from(long(address)))
/** Matches the first bytes of the source of IPv6 packets. */
export const saddr6 = (prefix: Uint8Array): NftExpr =>
  matchPayload(NFT_PAYLOAD_NETWORK_HEADER, 8, prefix)
export const ACCEPT: NftExpr = rule => verdict(rule, NF_ACCEPT)
/** Drops packets and counts them. */
export const DROP: NftExpr = rule => {
  expression(rule, 'counter')
  verdict(rule, NF_DROP)
}
/** Matches the source, or the destination, of IPv4 or IPv6 packets. */
export const saddr = (address: Uint8Array): NftExpr => matchAddress(address, 12, 8)
export const daddr = (address: Uint8Array): NftExpr => matchAddress(address, 16, 24)
/** Matches the first segment of a TCP connection, or all others. */
export const SYN: NftExpr = rule => matchSyn(rule, NFT_CMP_EQ)
export const NOT_SYN: NftExpr = rule => matchSyn(rule, NFT_CMP_NEQ)
/** The kernel does not track the packet's connection. */
export const NOTRACK: NftExpr = rule => expression(rule, 'notrack')
/** Marks packets for routing rules. */
export const mark =
  (value: number): NftExpr =>
  rule => {
    // The kernel keeps marks in its own byte order.
    load(rule, NFT_REG_1, new Uint8Array(Uint32Array.of(value).buffer))
    expression(rule, 'meta', { KEY: NFT_META_MARK, SREG: NFT_REG_1 })
  }
/**
 * Hands TCP segments to the socket that they are for, even if their address is not this machine's.
 * Segments of no socket go to the transparent listener on `port`.
 */
export const tproxy =
  (port: number): NftExpr =>
  rule => {
    load(rule, NFT_REG_1, Uint8Array.from(word(port)))
    expression(rule, 'tproxy', { FAMILY: NFPROTO_UNSPEC, REG_PORT: NFT_REG_1 })
  }
/** Leads packets to a port of this machine. */
export const redirect =
  (port: number): NftExpr =>
  rule => {
    load(rule, NFT_REG_1, Uint8Array.from(word(port)))
    expression(rule, 'redir', { REG_PROTO_MIN: NFT_REG_1 })
  }
/** Matches packets with a route to an interface, before they are routed. */
export const routedTo =
  (name: string): NftExpr =>
  rule => {
    expression(rule, 'fib', {
      DREG: NFT_REG_1,
      RESULT: NFT_FIB_RESULT_OIFNAME,
      FLAGS: NFTA_FIB_F_DADDR,
    })
    compare(rule, NFT_CMP_EQ, nameBytes(name))
  }
export const MASQUERADE: NftExpr = rule => expression(rule, 'masq')
/** Translates the destination to an IPv4 address and a port. */
export const dnat4 = (address: number, port: number): NftExpr =>
  dnat(Uint8Array.from(long(address)), port)
/** Translates the destination to an address and a port. */
export const dnat =
  (address: Uint8Array, port: number): NftExpr =>
  rule => {
    load(rule, NFT_REG_1, address)
    load(rule, NFT_REG_2, Uint8Array.from(word(port)))
    const FAMILY = address.length === 4 ? NFPROTO_IPV4 : NFPROTO_IPV6
    expression(rule, 'nat', {
      TYPE: NFT_NAT_DNAT,
      FAMILY,
      REG_ADDR_MIN: NFT_REG_1,
      REG_PROTO_MIN: NFT_REG_2,
    })
  }

const NAME = 'vnet-lab'

/**
 * Adds chains, unless they exist, and appends rules to them. Throws a VnetError if the kernel
 * refuses; its message starts with `what`, and nothing is added.
 */
export function addRules(
  { native, nsfd }: SocketPlace,
  what: string,
  nfproto: number,
  chains: readonly NftChain[],
): void {
  const fd = check(native.socket(uapi.AF_NETLINK, uapi.SOCK_RAW, NETLINK_NETFILTER, nsfd), what)
  closing(native, fd, () => {
    const { bytes, messages: expected } = request(nfproto, chains)
    check(native.send(fd, bytes, uapi.MSG_DONTWAIT), what)
    const into = new Uint8Array(8192)
    const meta = new Int32Array(3)
    // All of it is handled by now. Every message but the first and the last is acknowledged.
    for (let acks = 0; acks < expected; ) {
      const length = check(native.recvmsg(fd, into, uapi.MSG_DONTWAIT, meta), what)
      for (const message of netlink.messages(into, 0, length)) {
        if (message.type !== netlink.NLMSG_ERROR) continue
        const { error } = netlink.parseAck(into, message)
        if (error < 0) throw new VnetError(-error, what)
        acks++
      }
    }
  })
}

/** Packets that DROP has dropped, by the match of its rule. */
export interface RuleDrops {
  /** Of rules with `iif`, and with `oif`. */
  readonly arriving: number
  readonly leaving: number
}

/** Reads the drops of all rules of addRules for IPv4 and IPv6. Throws a VnetError. */
export function ruleDrops({ native, nsfd }: SocketPlace): RuleDrops {
  const what = 'read the rules of nf_tables'
  const fd = check(native.socket(uapi.AF_NETLINK, uapi.SOCK_RAW, NETLINK_NETFILTER, nsfd), what)
  const drops = { arriving: 0, leaving: 0 }
  closing(native, fd, () => {
    const to = new netlink.MessageBuilder()
    const header = Uint8Array.of(NFPROTO_INET, 0, 0, 0)
    to.message(NFT_MSG_GETRULE, netlink.NLM_F_REQUEST | netlink.NLM_F_DUMP, 1)
      .payload(header)
      .string(NFTA_RULE_TABLE, NAME)
    check(native.send(fd, to.bytes, uapi.MSG_DONTWAIT), what)
    const into = new Uint8Array(32_768)
    const meta = new Int32Array(3)
    for (let isDone = false; !isDone; ) {
      const length = check(native.recvmsg(fd, into, uapi.MSG_DONTWAIT, meta), what)
      for (const message of netlink.messages(into, 0, length)) {
        if (message.type === NFT_MSG_NEWRULE) {
          addDrops(drops, into, message)
        } else {
          isDone = true
        }
      }
    }
  })
  return drops
}

/** Adds the drops of a rule: its match of an interface precedes its counter. */
function addDrops(
  drops: { arriving: number; leaving: number },
  bytes: Uint8Array,
  rule: netlink.Message,
): void {
  let key = 0
  const within = (type: number, from: { readonly offset: number; readonly length: number }) =>
    [...netlink.attributes(bytes, from.offset, from.length)].filter(each => each.type === type)
  const viewOf = ({ offset }: { readonly offset: number }) =>
    new DataView(bytes.buffer, bytes.byteOffset + offset)
  const parts = within(NFTA_RULE_EXPRESSIONS, { offset: rule.offset + 4, length: rule.length - 4 })
  for (const element of parts.flatMap(list => within(NFTA_LIST_ELEM, list))) {
    const [name] = within(NFTA_EXPR_NAME, element)
    const [data] = within(NFTA_EXPR_DATA, element)
    if (name === undefined || data === undefined) continue
    const text = String.fromCharCode(...bytes.subarray(name.offset, name.offset + name.length - 1))
    if (text === 'meta') {
      const [matched] = within(EXPRESSIONS.meta.KEY, data)
      if (matched !== undefined) {
        key ||= viewOf(matched).getUint32(0)
      }
    } else if (text === 'counter') {
      const [packets] = within(EXPRESSIONS.counter.PACKETS, data)
      const way = key === NFT_META_IIFNAME ? 'arriving' : 'leaving'
      if (packets !== undefined) {
        drops[way] += Number(viewOf(packets).getBigUint64(0))
      }
    }
  }
}

function request(
  nfproto: number,
  chains: readonly NftChain[],
): { readonly bytes: Uint8Array; readonly messages: number } {
  const to = new netlink.MessageBuilder()
  let seq = 0
  const message = (type: number, flags: number, of: number, resource: number) =>
    to
      .message(type, netlink.NLM_F_REQUEST | flags, ++seq)
      .payload(Uint8Array.of(of, 0, 0, resource))
  const make = (type: number, flags = 0) =>
    message(type, netlink.NLM_F_ACK | netlink.NLM_F_CREATE | flags, nfproto, 0)
  message(NFNL_MSG_BATCH_BEGIN, 0, 0, NFNL_SUBSYS_NFTABLES)
  make(NFT_MSG_NEWTABLE).string(NFTA_TABLE_NAME, NAME)
  for (const { name, type, hook, priority, rules, first = false } of chains) {
    make(NFT_MSG_NEWCHAIN)
      .string(NFTA_CHAIN_TABLE, NAME)
      .string(NFTA_CHAIN_NAME, name)
      .nested(NFTA_CHAIN_HOOK, data =>
        write(data, { [NFTA_HOOK_HOOKNUM]: hook, [NFTA_HOOK_PRIORITY]: priority }),
      )
      .string(NFTA_CHAIN_TYPE, type)
    for (const steps of rules) {
      make(NFT_MSG_NEWRULE, first ? 0 : NLM_F_APPEND)
        .string(NFTA_RULE_TABLE, NAME)
        .string(NFTA_RULE_CHAIN, name)
        .nested(NFTA_RULE_EXPRESSIONS, rule => {
          for (const step of steps) {
            step(rule)
          }
        })
    }
  }
  message(NFNL_MSG_BATCH_END, 0, 0, NFNL_SUBSYS_NFTABLES)
  return { bytes: to.bytes, messages: seq - 2 }
}

function matchMeta(key: number, value: Uint8Array, op: number): NftExpr {
  return rule => {
    expression(rule, 'meta', { DREG: NFT_REG_1, KEY: key })
    compare(rule, op, value)
  }
}

/** Matches if a value of connection tracking has one of the bits. */
function matchCt(rule: netlink.MessageBuilder, key: number, bits: number): void {
  expression(rule, 'ct', { DREG: NFT_REG_1, KEY: key })
  // The kernel keeps these values in its own byte order.
  mask(rule, new Uint8Array(Uint32Array.of(bits).buffer))
  compare(rule, NFT_CMP_NEQ, new Uint8Array(4))
}

function matchSyn(rule: netlink.MessageBuilder, op: number): void {
  const flags = 13
  payload(rule, NFT_PAYLOAD_TRANSPORT_HEADER, flags, 1)
  mask(rule, Uint8Array.of(tcp.TCP_SYN | tcp.TCP_ACK))
  compare(rule, op, Uint8Array.of(tcp.TCP_SYN))
}

/** Clears all other bits of the value in the register. */
function mask(rule: netlink.MessageBuilder, bits: Uint8Array): void {
  const [MASK, XOR] = [bits, new Uint8Array(bits.length)].map(registerValue) as [
    Attributes,
    Attributes,
  ]
  expression(rule, 'bitwise', { SREG: NFT_REG_1, DREG: NFT_REG_1, LEN: bits.length, MASK, XOR })
}

function matchPayload(base: number, offset: number, value: Uint8Array): NftExpr {
  return rule => {
    payload(rule, base, offset, value.length)
    compare(rule, NFT_CMP_EQ, value)
  }
}

function matchAddress(address: Uint8Array, inIpv4: number, inIpv6: number): NftExpr {
  const isIpv4 = address.length === 4
  return rule => {
    family(isIpv4 ? NFPROTO_IPV4 : NFPROTO_IPV6)(rule)
    matchPayload(NFT_PAYLOAD_NETWORK_HEADER, isIpv4 ? inIpv4 : inIpv6, address)(rule)
  }
}

function payload(rule: netlink.MessageBuilder, base: number, offset: number, length: number): void {
  expression(rule, 'payload', { DREG: NFT_REG_1, BASE: base, OFFSET: offset, LEN: length })
}

function compare(rule: netlink.MessageBuilder, op: number, value: Uint8Array): void {
  expression(rule, 'cmp', { SREG: NFT_REG_1, OP: op, DATA: registerValue(value) })
}

function load(rule: netlink.MessageBuilder, register: number, value: Uint8Array): void {
  expression(rule, 'immediate', { DREG: register, DATA: registerValue(value) })
}

function verdict(rule: netlink.MessageBuilder, code: number): void {
  const DATA = { [NFTA_DATA_VERDICT]: { [NFTA_VERDICT_CODE]: code } }
  expression(rule, 'immediate', { DREG: NFT_REG_VERDICT, DATA })
}

type Attribute = number | Uint8Array | Attributes
/** Attributes by their types. */
interface Attributes {
  readonly [type: number]: Attribute
}
type Expressions = typeof EXPRESSIONS

const registerValue = (value: Uint8Array): Attributes => ({ [NFTA_DATA_VALUE]: value })

function expression<Name extends keyof Expressions>(
  to: netlink.MessageBuilder,
  name: Name,
  given: { readonly [K in keyof Expressions[Name]]?: Attribute } = {},
): void {
  const types: Readonly<Record<string, number>> = EXPRESSIONS[name]
  const data = Object.fromEntries(
    Object.entries<Attribute>(given as never).map(([key, value]) => [types[key], value]),
  )
  to.nested(NFTA_LIST_ELEM, element =>
    write(element.string(NFTA_EXPR_NAME, name), { [NFTA_EXPR_DATA]: data }),
  )
}

/** Numbers of netfilter are in network byte order. */
function write(to: netlink.MessageBuilder, fields: Attributes): void {
  for (const [type, value] of Object.entries(fields)) {
    if (typeof value === 'number') {
      to.binary(Number(type), Uint8Array.from(long(value)))
    } else if (value instanceof Uint8Array) {
      to.binary(Number(type), value)
    } else {
      to.nested(Number(type), inner => write(inner, value))
    }
  }
}

function nameBytes(name: string): Uint8Array {
  const bytes = new Uint8Array(IFNAMSIZ)
  bytes.set(new TextEncoder().encode(name))
  return bytes
}

/**
 * The kernel's own NAT: has a namespace masquerade what leaves by an interface, as `nft` does for
 * `oifname IF masquerade`. include/uapi/linux/netfilter/nf_tables.h, nfnetlink.h.
 */

import { VnetError } from '../../base/errno.ts'
import { check, closing } from '../../linux/errno.ts'
import { AF_NETLINK, MSG_DONTWAIT, SOCK_RAW } from '../../linux/uapi.ts'
import {
  MessageBuilder,
  messages,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_REQUEST,
  NLMSG_ERROR,
  parseAck,
} from '../../netlink/index.ts'
import { long } from '../../packet/octets.ts'
import type { SocketPlace } from './sockets.ts'

const NETLINK_NETFILTER = 12
const NFNL_MSG_BATCH_BEGIN = 0x10
const NFNL_MSG_BATCH_END = 0x11
const NFNL_SUBSYS_NFTABLES = 10
const NFPROTO_IPV4 = 2
const NLM_F_APPEND = 0x800

const [NFT_MSG_NEWTABLE, NFT_MSG_NEWCHAIN, NFT_MSG_NEWRULE] = [0xa00, 0xa03, 0xa06]
const NFTA_TABLE_NAME = 1
const [NFTA_CHAIN_TABLE, NFTA_CHAIN_NAME, NFTA_CHAIN_HOOK, NFTA_CHAIN_TYPE] = [1, 3, 4, 7]
const [NFTA_HOOK_HOOKNUM, NFTA_HOOK_PRIORITY] = [1, 2]
const [NF_INET_POST_ROUTING, NF_IP_PRI_NAT_SRC] = [4, 100]
const [NFTA_RULE_TABLE, NFTA_RULE_CHAIN, NFTA_RULE_EXPRESSIONS] = [1, 2, 4]
const NFTA_LIST_ELEM = 1
const [NFTA_EXPR_NAME, NFTA_EXPR_DATA] = [1, 2]
const [NFTA_META_DREG, NFTA_META_KEY, NFT_META_OIFNAME] = [1, 2, 7]
const [NFTA_CMP_SREG, NFTA_CMP_OP, NFTA_CMP_DATA, NFT_CMP_EQ] = [1, 2, 3, 0]
const NFTA_DATA_VALUE = 1
const NFT_REG_1 = 1
const IFNAMSIZ = 16

const NAME = 'vnet-lab'
const WHAT = 'masquerade (the kernel needs nf_tables and nft_masq)'

/** Masquerades IPv4 packets that leave the namespace by an interface. Throws a VnetError. */
export function masquerade({ native, nsfd }: SocketPlace, name: string): void {
  const fd = check(native.socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER, nsfd), WHAT)
  closing(native, fd, () => {
    check(native.send(fd, request(name).bytes, MSG_DONTWAIT), WHAT)
    const into = new Uint8Array(8192)
    const meta = new Int32Array(3)
    // The kernel has handled all of it by now. Every message but the first and the last is
    // acknowledged.
    for (let acks = 0; acks < 3; ) {
      const length = check(native.recvmsg(fd, into, MSG_DONTWAIT, meta), WHAT)
      for (const message of messages(into, 0, length)) {
        if (message.type !== NLMSG_ERROR) continue
        const { error } = parseAck(into, message)
        if (error < 0) throw new VnetError(-error, WHAT)
        acks++
      }
    }
  })
}

function request(name: string): MessageBuilder {
  const to = new MessageBuilder()
  let seq = 0
  const message = (type: number, flags: number, family: number, resource: number) =>
    to.message(type, NLM_F_REQUEST | flags, ++seq).payload(Uint8Array.of(family, 0, 0, resource))
  const make = (type: number, flags = 0) => message(type, NLM_F_ACK | NLM_F_CREATE | flags, NFPROTO_IPV4, 0)
  message(NFNL_MSG_BATCH_BEGIN, 0, 0, NFNL_SUBSYS_NFTABLES)
  make(NFT_MSG_NEWTABLE).string(NFTA_TABLE_NAME, NAME)
  make(NFT_MSG_NEWCHAIN)
    .string(NFTA_CHAIN_TABLE, NAME)
    .string(NFTA_CHAIN_NAME, NAME)
    .nested(NFTA_CHAIN_HOOK, hook => {
      number(hook, NFTA_HOOK_HOOKNUM, NF_INET_POST_ROUTING)
      number(hook, NFTA_HOOK_PRIORITY, NF_IP_PRI_NAT_SRC)
    })
    .string(NFTA_CHAIN_TYPE, 'nat')
  make(NFT_MSG_NEWRULE, NLM_F_APPEND)
    .string(NFTA_RULE_TABLE, NAME)
    .string(NFTA_RULE_CHAIN, NAME)
    .nested(NFTA_RULE_EXPRESSIONS, rule => {
      expression(rule, 'meta', data => {
        number(data, NFTA_META_DREG, NFT_REG_1)
        number(data, NFTA_META_KEY, NFT_META_OIFNAME)
      })
      expression(rule, 'cmp', data => {
        number(data, NFTA_CMP_SREG, NFT_REG_1)
        number(data, NFTA_CMP_OP, NFT_CMP_EQ)
        const value = new Uint8Array(IFNAMSIZ)
        value.set(new TextEncoder().encode(name))
        data.nested(NFTA_CMP_DATA, own => own.binary(NFTA_DATA_VALUE, value))
      })
      expression(rule, 'masq', () => {})
    })
  message(NFNL_MSG_BATCH_END, 0, 0, NFNL_SUBSYS_NFTABLES)
  return to
}

function expression(to: MessageBuilder, name: string, write: (data: MessageBuilder) => void): void {
  to.nested(NFTA_LIST_ELEM, element => element.string(NFTA_EXPR_NAME, name).nested(NFTA_EXPR_DATA, write))
}

/** Numbers of netfilter are in network byte order. */
function number(to: MessageBuilder, type: number, value: number): void {
  to.binary(type, Uint8Array.from(long(value)))
}

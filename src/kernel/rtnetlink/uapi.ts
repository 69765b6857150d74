/**
 * Constants of rtnetlink, under the kernel's names: include/uapi/linux/rtnetlink.h, if_link.h, if_addr.h, if_tun.h,
 * net_namespace.h. Those of sockets are in kernel/uapi.ts.
 */

export const AF_UNSPEC = 0

export const RTNLGRP_LINK = 1
export const RTNLGRP_IPV4_IFADDR = 5
export const RTNLGRP_IPV6_IFADDR = 9
export const RTNLGRP_IPV6_IFINFO = 12
export const RTNLGRP_NSID = 28
export const RTNLGRP_IPV4_MCADDR = 37
export const RTNLGRP_IPV6_MCADDR = 38

export const RTM_NEWLINK = 16
export const RTM_DELLINK = 17
export const RTM_GETLINK = 18
export const RTM_NEWADDR = 20
export const RTM_DELADDR = 21
export const RTM_GETADDR = 22
export const RTM_NEWROUTE = 24
export const RTM_DELROUTE = 25
export const RTM_GETROUTE = 26
export const RTM_NEWRULE = 32
export const RTM_NEWMULTICAST = 56
export const RTM_DELMULTICAST = 57
export const RTM_NEWNSID = 88
export const RTM_DELNSID = 89
export const RTM_GETNSID = 90

export const IFLA_ADDRESS = 1
export const IFLA_IFNAME = 3
export const IFLA_MTU = 4
export const IFLA_QDISC = 6
export const IFLA_WIRELESS = 11
export const IFLA_TXQLEN = 13
export const IFLA_OPERSTATE = 16
export const IFLA_LINKINFO = 18
export const IFLA_STATS64 = 23
export const IFLA_GROUP = 27
export const IFLA_NET_NS_FD = 28
export const IFLA_PROMISCUITY = 30
export const IFLA_CARRIER = 33
export const IFLA_NEW_NETNSID = 45
export const IFLA_TARGET_NETNSID = 46
export const IFLA_NEW_IFINDEX = 49
export const IFLA_PROP_LIST = 52
export const IFLA_ALT_IFNAME = 53
export const IFLA_ALLMULTI = 61
export const IFLA_INFO_KIND = 1
export const IFLA_INFO_DATA = 2
export const IFLA_TUN_OWNER = 1
export const IFLA_TUN_GROUP = 2
export const IFLA_TUN_TYPE = 3
export const IFLA_TUN_VNET_HDR = 5
export const IFLA_TUN_PERSIST = 6
export const IFLA_TUN_MULTI_QUEUE = 7
export const IFLA_TUN_NUM_QUEUES = 8
export const IFLA_TUN_NUM_DISABLED_QUEUES = 9
/** IFLA_TUN_TYPE's values: IFF_TUN and IFF_TAP of if_tun.h. */
export const IFLA_TUN_TYPE_TAP = 2

export const IFA_ADDRESS = 1
export const IFA_LOCAL = 2
export const IFA_FLAGS = 8
export const IFA_TARGET_NETNSID = 10
export const IFA_F_NODAD = 0x02

export const RTA_DST = 1
export const RTA_OIF = 4
export const RTA_GATEWAY = 5
export const RTA_PRIORITY = 6
export const RTA_MULTIPATH = 9
export const RTA_TABLE = 15
export const RTN_UNICAST = 1
export const RTN_LOCAL = 2
export const RTN_THROW = 9
export const RTPROT_STATIC = 4
/** The next hop is on the link, whatever addresses that has. */
export const RTNH_F_ONLINK = 4
export const RT_SCOPE_UNIVERSE = 0
export const RT_SCOPE_LINK = 253
export const RT_SCOPE_HOST = 254
export const RT_TABLE_MAIN = 254
export const RT_TABLE_LOCAL = 255

export const FRA_IIFNAME = 3
export const FR_ACT_TO_TBL = 1

export const NETNSA_NSID = 1
export const NETNSA_FD = 3
/** "No id", and in RTM_NEWNSID "any that is free". */
export const NETNSA_NSID_NOT_ASSIGNED = -1

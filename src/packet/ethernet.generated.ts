/** The numbers of Ethernet (include/uapi/linux/if_ether.h). */

/** Lengths of an address, of the header, and of the shortest frame without its check sequence. */
export const ETH_ALEN = 6
export const ETH_HLEN = 14
export const ETH_ZLEN = 60
export const ETH_FRAME_LEN = 1514
/** EtherTypes. The first two are the kernel's own, for frames with a length in place of the type. */
export const ETH_P_802_3 = 0x0001
export const ETH_P_802_2 = 0x0004
export const ETH_P_IP = 0x0800
export const ETH_P_ARP = 0x0806
export const ETH_P_8021Q = 0x8100
export const ETH_P_IPV6 = 0x86dd
export const ETH_P_PAUSE = 0x8808
export const ETH_P_8021AD = 0x88a8
/** A smaller value in the type field is the length of an 802.3 frame. */
export const ETH_P_802_3_MIN = 0x0600


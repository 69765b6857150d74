/** Numbers of ioctls on a socket that reach a driver, and struct ifreq: include/uapi/linux/sockios.h, linux/if.h. */

export const SIOCGIFMAP = 0x8970
export const SIOCSIFMAP = 0x8971
/** The first of the sixteen that a driver may give a meaning. */
export const SIOCDEVPRIVATE = 0x89f0
export const SIOCDEVPRIVATES = 16

/** sizeof(struct ifreq): a name of IFNAMSIZ, then a union. */
export const IFREQ_LEN = 40
/** Where the union begins: ifr_data, a pointer, or ifr_map. */
export const IFR_IFRU = 16

/** The numbers of classic pcap (draft-ietf-opsawg-pcap). */

/** Magic numbers by the unit of the timestamps. */
export const MICROSECONDS_MAGIC = 0xa1b2c3d4
export const NANOSECONDS_MAGIC = 0xa1b23c4d
export const FILE_HEADER = 24
export const RECORD_HEADER = 16

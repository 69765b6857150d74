/** The numbers of pcapng: types of blocks and codes of options (draft-ietf-opsawg-pcapng). */

/** SECTION_HEADER is the same in both byte orders. */
export const SECTION_HEADER = 0x0a0d0d0a
export const INTERFACE_DESCRIPTION = 1
export const OLD_PACKET = 2
export const SIMPLE_PACKET = 3
export const INTERFACE_STATISTICS = 5
export const ENHANCED_PACKET = 6
export const DECRYPTION_SECRETS = 10

export const BYTE_ORDER_MAGIC = 0x1a2b3c4d
/** Secrets type of a TLS key log, the format of SSLKEYLOGFILE. */
export const TLS_KEY_LOG = 0x544c534b

/** The lengths of blocks without data and options. */
export const MIN_SECTION = 28
export const MIN_INTERFACE = 20
export const MIN_PACKET = 32
export const MIN_SIMPLE = 16
export const MIN_STATISTICS = 24

/** The most bytes of an option. */
export const OPTION_MAX = 0xffff

export const OPT_ENDOFOPT = 0
export const OPT_COMMENT = 1

export const SHB_HARDWARE = 2
export const SHB_OS = 3
export const SHB_USERAPPL = 4

export const IF_NAME = 2
export const IF_DESCRIPTION = 3
export const IF_MACADDR = 6
export const IF_SPEED = 8
export const IF_TSRESOL = 9
export const IF_FILTER = 11
export const IF_FCSLEN = 13
export const IF_TSOFFSET = 14

export const EPB_FLAGS = 2
export const EPB_DROPCOUNT = 4
export const EPB_PACKETID = 5
export const EPB_QUEUE = 6
export const EPB_VERDICT = 7
/** For local use, as its highest bit says: a FrameDrop as JSON, which only vnet reads. */
export const EPB_DROP = 0x8001

export const ISB_STARTTIME = 2
export const ISB_ENDTIME = 3
export const ISB_IFRECV = 4
export const ISB_IFDROP = 5
export const ISB_USRDELIV = 8


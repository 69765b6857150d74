/**
 * Sets the link settings that ethtool(8) shows, by ioctl. A TAP shows whatever was set, including
 * modes and link partner. As on hardware, negotiated settings are unknown without a carrier.
 * include/uapi/linux/ethtool.h.
 */
import { EOPNOTSUPP, EPERM } from '../base/errno.ts'
import type { LinkKsettings } from '../netdev/port.ts'
import { putU32 } from '../netlink/index.ts'
import { check, closing } from './errno.ts'
import type { Native } from './native.ts'
import * as uapi from './uapi.ts'

const DUPLEX = { half: 0, full: 1 }
const PORT = { tp: 0, fibre: 3 }

/** In struct ethtool_link_settings. Masks of modes follow: supported, advertised, partner's. */
const SPEED_AT = 4
const DUPLEX_AT = 8
const PORT_AT = 9
const AUTONEG_AT = 11
const MDIX_AT = 13
const MDIX_CTRL_AT = 14
const NWORDS_AT = 15
const MASKS_AT = 48
const MASKS = 3
const PARTNER = 2

/** ETHTOOL_LINK_MODE_*_BIT of twisted pair, by speed in Mbit/s: half duplex (if any) and full. */
const TWISTED_PAIR: readonly (readonly [speed: number, ...bits: number[]])[] = [
  [10, 0, 1],
  [100, 2, 3],
  [1000, 4, 5],
  [2500, 47],
  [5000, 48],
  [10_000, 12],
]
/** The same for short-range fibre, full duplex. */
const SHORT_RANGE: ReadonlyMap<number, number> = new Map([
  [25_000, 33],
  [40_000, 25],
  [50_000, 53],
  [100_000, 37],
])

/** The settings of a link, and whether it has a carrier. */
export interface ShownLink extends LinkKsettings {
  readonly carrier: boolean
}

/**
 * Sets what `ethtool` shows of interface `name` in the namespace of `nsfd`; -1 is our own. It has
 * no other effect, so nothing is thrown if the kernel lacks or forbids it.
 */
export function setLinkKsettings(
  native: Native,
  nsfd: number,
  name: string,
  settings: ShownLink,
): void {
  const what = ['ETHTOOL_SLINKSETTINGS', name] as const
  closing(native, check(native.socket(uapi.AF_INET, uapi.SOCK_DGRAM, 0, nsfd), what), fd => {
    // A request with 0 words returns the number of words in a mask, negated.
    const shape = new Uint8Array(MASKS_AT)
    putU32(shape, 0, uapi.ETHTOOL_GLINKSETTINGS)
    const result = native.ioctl(fd, uapi.SIOCETHTOOL, uapi.ifreq(name), shape)
    if (result === -EOPNOTSUPP || result === -EPERM) return
    check(result, what)
    const set = linkSettings(settings, 256 - shape[NWORDS_AT])
    const done = native.ioctl(fd, uapi.SIOCETHTOOL, uapi.ifreq(name), set)
    if (done !== -EOPNOTSUPP && done !== -EPERM) {
      check(done, what)
    }
  })
}

function linkSettings(settings: ShownLink, nwords: number): Uint8Array {
  const { speed, duplex, autoneg = false, port = 'tp', carrier } = settings
  const bytes = new Uint8Array(MASKS_AT + MASKS * nwords * 4)
  putU32(bytes, 0, uapi.ETHTOOL_SLINKSETTINGS)
  putU32(bytes, SPEED_AT, carrier ? speed : uapi.SPEED_UNKNOWN)
  bytes[DUPLEX_AT] = carrier ? DUPLEX[duplex] : uapi.DUPLEX_UNKNOWN
  bytes[PORT_AT] = PORT[port]
  bytes[NWORDS_AT] = nwords
  if (autoneg) {
    bytes[AUTONEG_AT] = 1
    bytes[MDIX_AT] = carrier ? uapi.ETH_TP_MDI : 0
    bytes[MDIX_CTRL_AT] = uapi.ETH_TP_MDI_AUTO
  }
  const words = new Uint32Array(nwords)
  for (const bit of linkModes(settings)) {
    words[bit >>> 5] |= 1 << (bit & 31)
  }
  for (let mask = 0; mask < MASKS; mask++) {
    if (mask === PARTNER && !(autoneg && carrier)) continue
    for (const [word, value] of words.entries()) {
      putU32(bytes, MASKS_AT + 4 * (mask * nwords + word), value)
    }
  }
  return bytes
}

/** The ETHTOOL_LINK_MODE_*_BIT that the port supports and advertises. */
function linkModes({ speed, autoneg = false, port = 'tp' }: LinkKsettings): number[] {
  if (port === 'fibre') {
    const mode = SHORT_RANGE.get(speed)
    return mode === undefined
      ? [uapi.ETHTOOL_LINK_MODE_FIBRE_BIT]
      : [mode, uapi.ETHTOOL_LINK_MODE_FIBRE_BIT]
  }
  if (!autoneg) return []
  const modes = TWISTED_PAIR.filter(([most]) => most <= speed).flatMap(([, ...bits]) => bits)
  return [
    ...modes,
    uapi.ETHTOOL_LINK_MODE_Autoneg_BIT,
    uapi.ETHTOOL_LINK_MODE_TP_BIT,
    uapi.ETHTOOL_LINK_MODE_Pause_BIT,
  ]
}

/** Private ioctls, as a client asks for them: no process's memory is involved, what ifr_data points to goes along. */

export interface IoctlRequest {
  /** SIOCDEVPRIVATE to SIOCDEVPRIVATE + 15, SIOCSIFMAP or SIOCGIFMAP. */
  readonly cmd: number
  /** A struct ifreq, 40 octets; one with the device's name and else zeros when absent. */
  readonly ifreq?: Uint8Array | undefined
  /** The caller's memory that ifr_data points to; absent is none. */
  readonly data?: Uint8Array | undefined
}

export interface IoctlAnswer {
  /** What ioctl(2) would answer: 0 or more, or -errno. */
  readonly result: number
  /** As the driver left them. */
  readonly ifreq: Uint8Array
  readonly data: Uint8Array | undefined
}

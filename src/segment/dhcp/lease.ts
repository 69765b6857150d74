/** A lease, and where leases are kept. */

export interface Lease {
  /** An unsigned number. */
  readonly address: number
  /** The client's, or who declined the address: `02:00:00:00:00:01`. */
  readonly mac: string
  /** In hex, as a MAC address. */
  readonly clientId: string | undefined
  /** One label, in lower case. */
  readonly hostname: string | undefined
  /** bound: the client's until it expires; free: given back, but remembered as the client's; declined: nobody's until then. */
  readonly state: 'bound' | 'free' | 'declined'
  /** Milliseconds since 1970, Infinity for never. */
  readonly expires: number
}

/** What outlives the server. */
export interface LeaseStore {
  /** Throws a VnetError when there are no leases to be had, or none could be kept. */
  load(): readonly Lease[]
  /**
   * Keeps these leases instead of those before; `leases` is read before it returns. Undefined when
   * they are kept at once; otherwise the promise settles when they are, or rejects with a
   * VnetError. Not called again before that.
   */
  save(leases: Iterable<Lease>): Promise<void> | undefined
}

/** A lease, and the contract of the store that keeps leases between runs. */

/** An address that a client has or had, or that is kept from all clients. */
export interface Lease {
  /** An unsigned number. */
  readonly address: number
  /** `02:00:00:00:00:01`: of the client, or of the machine found to use a declined address. */
  readonly mac: string
  /** In hex, written like a MAC address. */
  readonly clientId: string | undefined
  /** One label, in lower case. */
  readonly hostname: string | undefined
  /** free: released, but remembered as the client's. declined: kept from all until it expires. */
  readonly state: 'bound' | 'free' | 'declined'
  /** Milliseconds since 1970, Infinity for never. */
  readonly expires: number
}

/** Keeps leases for the next run. LeaseTable calls load() once, and LeaseWriter save(). */
export interface LeaseStore {
  /** @throws VnetError if the leases cannot be read, or could not be saved */
  load(): readonly Lease[]
  /**
   * Reads `leases` before it returns. Returns undefined if they are stored already, otherwise a
   * promise, which may reject with a VnetError. Not called again before that settles.
   */
  save(leases: Iterable<Lease>): Promise<void> | undefined
}

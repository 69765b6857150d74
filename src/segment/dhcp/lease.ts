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

/** What outlives the server. Both may throw a VnetError; a lease that could not be saved is not given. */
export interface LeaseStore {
  load(): readonly Lease[]
  save(leases: readonly Lease[]): void
}

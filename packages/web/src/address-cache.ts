/**
 * The addresses of devices for a while: events may repeat `hello` ten times a second, and a reading
 * enters a network namespace.
 */
import type { DeviceId } from './feed-types.ts'

/** Addresses with prefix lengths; undefined if they cannot be read. */
export type Addresses = readonly string[] | undefined

/** The addresses of the devices that one server shows. */
export class AddressCache {
  readonly #known = new Map<DeviceId, { readonly addresses: Addresses; readonly due: number }>()
  readonly #ms: number

  /** Addresses are read again after `ms`, or the next time if the interface had no address. */
  constructor(ms: number) {
    this.#ms = ms
  }

  /** The number of devices that it knows. */
  get size(): number {
    return this.#known.size
  }

  /** Returns the addresses of a device, by `read` if they are not known or too old. */
  of(id: DeviceId, read: () => Addresses): Addresses {
    const known = this.#known.get(id)
    if (known !== undefined && performance.now() < known.due) return known.addresses
    const addresses = read()
    const due = performance.now() + (addresses?.length === 0 ? 0 : this.#ms)
    this.#known.set(id, { addresses, due })
    return addresses
  }

  /** Forgets the other devices: labs come and go while a page is open for days. */
  keepOnly(devices: { has(id: DeviceId): boolean }): void {
    for (const id of this.#known.keys()) {
      if (!devices.has(id)) {
        this.#known.delete(id)
      }
    }
  }

  clear(): void {
    this.#known.clear()
  }
}

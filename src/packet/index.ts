/** Bytes in network order, addresses, checksums, Ethernet headers and VLAN tags. */
export * from './address.ts'
export * from './checksum.ts'
export * from './ethernet.ts'
export * from './octets.ts'
export * from './vlan.ts'

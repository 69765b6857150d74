/** The terms of labs: places, options, access networks, faults and packets by name. */
export * from './access.ts'
export * from './firewall.ts'
export * from './options.ts'
export * from './packet-name.ts'
export * from './place.ts'
export * from './rights.ts'
export * from './subnet.ts'
export * from './verbs.ts'

/** Frame memory, its owners, and the reasons of drops. */
export * from './alloc-skb.ts'
export * from './drop-reason.ts'
export * from './drop-reason-name.ts'
export * from './error.ts'
export * from './pool.ts'
export * from './ring.ts'
export * from './sk-buff.ts'
